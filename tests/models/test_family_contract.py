"""What every registered family must keep."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from evfi.errors import UserError
from evfi.models import build
from evfi.models.family import Family
from evfi.models.registry import FAMILIES, family_named
from evfi.models.weights import load_model, model_meta, save_weights
from evfi.options import Options
from evfi.samples.sample import Sample

# Fresh weights that predict the plain average would hide what the tests look for.
SMALL = {
    "timelens": {"base_width": 4},
    "convlstm": {"base_channels": 4, "se_reduction": 1, "zero_init_last": False},
    "wevi": {"base_channels": 8},
}
FAMILY_STAGES = [(name, stage.name) for name, family in FAMILIES.items() for stage in family.stages]
every_family = pytest.mark.parametrize("name", list(FAMILIES))
every_stage = pytest.mark.parametrize(("name", "stage_name"), FAMILY_STAGES)


def small(name: str) -> tuple[Family, Options, nn.Module]:
    family = family_named(name)
    options = family.options(**SMALL[name])
    torch.manual_seed(0)
    return family, options, family.build(options).eval()


@every_family
def test_predict_gives_clamped_frames_of_the_input_size(name: str, sample: Sample, other_sample: Sample) -> None:
    family, _, model = small(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    inputs = family.collate([family.prepare(sample), family.prepare(other_sample)])
    predictions = family.predict(model, inputs)
    assert tuple(predictions.intermediates) == family.intermediates
    for image in (predictions.frame, *predictions.intermediates.values()):
        assert image.shape == (2, 3, *sample.frame0.shape[:2])
        assert image.min() >= 0
        assert image.max() <= 1
        assert not image.requires_grad


@every_family
def test_a_batch_predicts_what_its_samples_predict_alone(name: str, sample: Sample, other_sample: Sample) -> None:
    family, _, model = small(name)
    inputs = [family.prepare(sample), family.prepare(other_sample)]
    together = family.predict(model, family.collate(inputs)).frame
    alone = torch.cat([family.predict(model, family.collate([item])).frame for item in inputs])
    assert torch.allclose(together, alone, atol=1e-5)


@every_family
def test_a_sample_without_target_can_be_predicted(name: str, sample: Sample) -> None:
    from dataclasses import replace

    family, _, model = small(name)
    inputs = family.collate([family.prepare(replace(sample, target=None))])
    assert family.predict(model, inputs).frame.isfinite().all()


@every_stage
def test_every_parameter_of_a_stage_gets_a_gradient_and_no_other_does(
    name: str, stage_name: str, sample: Sample, other_sample: Sample
) -> None:
    family, _, model = small(name)
    for parameter in model.parameters():
        # A last layer that starts at zero keeps gradients from those before it.
        parameter.data.add_(0.01 * torch.randn_like(parameter))
    stage = family.stage(stage_name)
    model.train().requires_grad_(False)
    for module in stage.trains:
        model.get_submodule(module).requires_grad_(True)
    batch = family.collate([family.prepare(sample), family.prepare(other_sample)])
    result = family.objective(stage, model, stage.recipe)(batch)
    result.total.backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.split(".")[0] in stage.trains:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.abs().sum() > 0, parameter_name
        else:
            assert parameter.grad is None, parameter_name
    assert result.frame.shape == (2, 3, *sample.frame0.shape[:2])
    assert not result.frame.requires_grad
    assert not any(part.requires_grad for part in result.parts.values())


@every_stage
def test_what_is_known_beforehand_gives_the_same_loss_bit_for_bit(
    name: str, stage_name: str, sample: Sample, other_sample: Sample
) -> None:
    family, _, model = small(name)
    stage = family.stage(stage_name)
    objective = family.objective(stage, model, stage.recipe)
    batch = family.collate([family.prepare(sample), family.prepare(other_sample)])
    for module in stage.trains:
        for parameter in model.get_submodule(module).parameters():
            parameter.data.add_(0.01 * torch.randn_like(parameter))
    known = objective.beforehand(batch)
    plain, ahead = objective(batch), objective(batch, known)
    assert torch.equal(plain.total, ahead.total)
    assert torch.equal(plain.frame, ahead.frame)
    for module in stage.trains:
        for parameter in model.get_submodule(module).parameters():
            parameter.data.mul_(1.5)
    # No step of the stage changes it: what was computed one batch ahead stays right.
    assert torch.equal(objective(batch).total, objective(batch, known).total)


@every_stage
def test_a_stage_needs_only_earlier_stages_and_trains_modules_of_the_model(name: str, stage_name: str) -> None:
    family, _, model = small(name)
    names = [stage.name for stage in family.stages]
    stage = family.stage(stage_name)
    assert all(names.index(needed) < names.index(stage_name) for needed in stage.needs)
    assert set(stage.trains) <= {child for child, _ in model.named_children()}
    assert stage.source


@every_family
def test_the_last_stage_holds_the_whole_model(name: str) -> None:
    family, _, model = small(name)
    with_weights = {parameter.split(".")[0] for parameter in model.state_dict()}
    assert set(family.modules_of(family.last_stage.name)) == with_weights


@every_family
def test_saved_and_loaded_weights_predict_the_same_bit_for_bit(name: str, sample: Sample, tmp_path: Path) -> None:
    family, options, model = small(name)
    path = tmp_path / "weights.safetensors"
    save_weights(path, model.state_dict(), model_meta(family, family.last_stage.name, options))
    loaded = load_model(path)
    assert loaded.family is family
    assert loaded.options == options
    inputs = family.collate([family.prepare(sample)])
    assert torch.equal(family.predict(loaded.model, inputs).frame, family.predict(model, inputs).frame)


@every_family
def test_equal_weights_give_equal_bytes(name: str, tmp_path: Path) -> None:
    family, options, model = small(name)
    meta = model_meta(family, family.last_stage.name, options)
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path in paths:
        save_weights(path, model.to(memory_format=torch.channels_last).state_dict(), {**meta, "more": "to say"})
    assert len({path.read_bytes() for path in paths}) == 1


@every_family
def test_fresh_weights_follow_torchs_seed(name: str) -> None:
    one, same = small(name)[2].state_dict(), small(name)[2].state_dict()
    assert all(torch.equal(one[key], same[key]) for key in one)


def test_manifests_import_nothing_heavy() -> None:
    heavy = "{'torch', 'numba', 'pandas', 'zarr', 'cv2', 'numpy'}"
    code = f"import sys, evfi.models.registry; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_build_takes_a_family_and_its_options_by_name() -> None:
    assert build("timelens", base_width=4).get_submodule("warp") is not None


def test_an_unknown_family_is_refused_with_the_choices() -> None:
    with pytest.raises(UserError, match="timelens"):
        build("timelense")


def test_an_unknown_stage_is_refused_with_the_choices() -> None:
    with pytest.raises(UserError, match="synthesis, warp, refinement, attention"):
        FAMILIES["timelens"].stage("fusion")


@pytest.mark.parametrize("width", [0, 6, -4])
def test_an_impossible_width_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="base_width"):
        build("timelens", base_width=width)

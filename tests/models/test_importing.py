"""Published checkpoints: our own weights through the authors' key layout and back."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from evfi.cli.app import exit_code
from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.models.importing import import_weights
from evfi.models.registry import FAMILIES
from evfi.models.timelens.network import TimeLens
from evfi.models.timelens.published import published
from evfi.models.weights import load_model
from evfi.samples.sample import Sample

TIMELENS = FAMILIES["timelens"]
OPTIONS = TIMELENS.options(base_width=8)
# The layout as specs/timelens.md writes it, spelled out here a second time.
PUBLISHED_KEYS = {
    f"{module}_network.{part}.{kind}"
    for module in ("flow", "fusion", "flow_refinement", "attention")
    for part in (
        "conv1",
        "conv2",
        "conv3",
        *(f"{way}{k}.conv{n}" for way in ("down", "up") for k in range(1, 6) for n in (1, 2)),
    )
    for kind in ("weight", "bias")
}


@pytest.fixture(scope="module")
def model() -> TimeLens:
    torch.manual_seed(5)
    made = TIMELENS.build(OPTIONS).eval()
    assert isinstance(made, TimeLens)
    return made


@pytest.fixture
def checkpoint(model: TimeLens, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.bin"
    torch.save(published(model.state_dict()), path)
    return path


def networks(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)["networks"]


def test_the_layout_is_the_published_one_and_each_module_has_its_place(checkpoint: Path, model: TimeLens) -> None:
    found = networks(checkpoint)
    assert set(found) == PUBLISHED_KEYS
    places = {
        "flow": model.warp,
        "fusion": model.synthesis,
        "flow_refinement": model.refinement,
        "attention": model.attention,
    }
    for name, module in places.items():
        assert torch.equal(found[f"{name}_network.down2.conv1.weight"], module.down2.conv1.weight)


@pytest.mark.parametrize("variant", ["forward", "released_fast"])
def test_imported_weights_give_the_same_outputs_bit_for_bit(
    checkpoint: Path, model: TimeLens, sample: Sample, tmp_path: Path, variant: str
) -> None:
    out = tmp_path / "imported.safetensors"
    meta = import_weights(TIMELENS, checkpoint, out)
    assert meta["model"] == {"base_width": 8, "variant": "forward"}
    loaded = load_model(out, variant=variant)
    original = TimeLens(OPTIONS.replaced(variant=variant)).eval()  # pyright: ignore[reportArgumentType]
    original.load_state_dict(model.state_dict())
    inputs = TIMELENS.collate([TIMELENS.prepare(sample)])
    assert torch.equal(TIMELENS.predict(loaded.model, inputs).frame, TIMELENS.predict(original, inputs).frame)


def test_both_variants_differ(checkpoint: Path, sample: Sample, tmp_path: Path) -> None:
    import_weights(TIMELENS, checkpoint, tmp_path / "w.safetensors")
    inputs = TIMELENS.collate([TIMELENS.prepare(sample)])
    one, two = (
        TIMELENS.predict(load_model(tmp_path / "w.safetensors", variant=variant).model, inputs).frame
        for variant in ("forward", "released_fast")
    )
    assert not torch.allclose(one, two, atol=1e-3)


def test_the_verb_prints_the_licence_before_it_reads_the_file(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "w.safetensors"
    assert exit_code(["import-weights", str(checkpoint), str(out)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "evaluation only" in first
    assert "base_width 8" in second
    assert len(load_file(out)) == len(PUBLISHED_KEYS)
    assert exit_code(["import-weights", str(tmp_path / "none.bin"), str(out)]) == 2
    captured = capsys.readouterr()
    assert "evaluation only" in captured.out
    assert "none.bin" in captured.err


def saved(tmp_path: Path, content: Any) -> Path:
    torch.save(content, tmp_path / "other.bin")
    return tmp_path / "other.bin"


def test_a_missing_and_an_unexpected_key_are_named(checkpoint: Path, tmp_path: Path) -> None:
    state = networks(checkpoint)
    state["flow_network.conv9.bias"] = state.pop("flow_network.conv1.bias")
    with pytest.raises(InputFileError, match=r"lacks warp\.conv1\.bias and has the unexpected warp\.conv9\.bias"):
        import_weights(TIMELENS, saved(tmp_path, {"networks": state}), tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ([1], "under 'networks'"),
        ({"state": {}}, "under 'networks'"),
        ({"networks": {}}, "lacks flow_network.conv1.weight"),
        ({"networks": {"flow_network.conv1.weight": torch.zeros(8, 5, 7, 7), "extra.x": torch.zeros(1)}}, "extra.x"),
        ({"networks": {"a": re.compile("x")}}, "plain tensors"),
    ],
)
def test_another_file_is_refused_in_one_line(content: Any, named: str, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=re.escape(named)) as caught:
        import_weights(TIMELENS, saved(tmp_path, content), tmp_path / "w.safetensors")
    assert "\n" not in str(caught.value)


def test_other_refusals(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="downloads none"):
        import_weights(TIMELENS, tmp_path / "none.bin", tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"\.safetensors"):
        import_weights(TIMELENS, checkpoint, tmp_path / "w.pt")
    with pytest.raises(UserError, match="no published weights"):
        import_weights(replace(TIMELENS, published=None), checkpoint, tmp_path / "w.safetensors")

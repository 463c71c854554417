"""Each fact of specs/convlstm.md, sections 2 to 8 and 13, has its own test."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evfi.errors import UserError
from evfi.models import build
from evfi.models.convlstm.inputs import Inputs, prepare, signed, unsigned
from evfi.models.convlstm.manifest import CONVLSTM, ConvLSTMOptions, ConvLSTMRecipe
from evfi.models.convlstm.network import ConvLSTMInterpolation
from evfi.models.convlstm.objective import objective
from evfi.models.convlstm.predict import predict
from evfi.models.family import Recipe
from evfi.samples.sample import Sample

SMALL = ConvLSTMOptions(base_channels=4)


def network(**options: object) -> ConvLSTMInterpolation:
    torch.manual_seed(0)
    return ConvLSTMInterpolation(ConvLSTMOptions.model_validate({"base_channels": 4, **options}))


def frames_of(height: int = 32, width: int = 48, batch: int = 2) -> Tensor:
    return torch.rand(batch, 4, 3, height, width, generator=torch.Generator().manual_seed(2)) * 2 - 1


def batch_of(height: int = 32, width: int = 48) -> Inputs:
    return Inputs(frames_of(height, width), torch.rand(2, 3, height, width))


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 4_304_900),
        ({"reference_exact": True}, 4_303_940),
        ({"reference_exact": True, "base_channels": 9, "growth": 3}, 2_605_197),
    ],
)
def test_parameter_counts_are_those_of_the_specification(options: dict[str, object], expected: int) -> None:
    assert parameters(build("convlstm", **options)) == expected


def test_parameter_counts_of_the_parts_are_those_of_the_specification() -> None:
    model = ConvLSTMInterpolation(ConvLSTMOptions(reference_exact=True))
    refinement = model.refinement
    assert parameters(refinement) == 10_830
    assert [parameters(block) for block in refinement.blocks] == [1_641] * 6
    synthesis = model.synthesis
    # The specification's encoder counts hold the second norm of 2 x (32, 64, 128, 256), which is left out here.
    assert [parameters(block) for block in synthesis.encoder] == [1_626 - 64, 92_544 - 128, 369_408 - 256, 1_475_584]
    assert [parameters(block) for block in synthesis.decoder] == [885_888, 221_760, 55_584, 10_185]
    assert (parameters(synthesis.bottleneck), parameters(synthesis.tail)) == (1_180_160, 819)


@pytest.mark.parametrize(("height", "width"), [(32, 48), (33, 17), (50, 67), (16, 16)])
def test_fresh_weights_predict_the_average_bit_for_bit(height: int, width: int) -> None:
    frames = frames_of(height, width)
    outputs = network()(frames)
    average = (frames[:, 1] + frames[:, 2]) / 2
    assert torch.equal(outputs.synthesised, average)
    assert torch.equal(outputs.refined, average)


@pytest.mark.parametrize("options", [{"zero_init_last": False}, {"reference_exact": True}])
def test_torchs_initial_weights_predict_something_else(options: dict[str, object]) -> None:
    frames = frames_of()
    average = (frames[:, 1] + frames[:, 2]) / 2
    assert not torch.allclose(network(**options)(frames).synthesised, average, atol=1e-3)


def test_fresh_forget_gates_are_open_and_torchs_own_under_reference_exact() -> None:
    def forget_biases(**options: object) -> Tensor:
        bias = network(**options).synthesis.encoder[2].recurrent.gates.bias
        return bias.detach()[8:16]

    assert torch.equal(forget_biases(), torch.ones(8))
    assert torch.equal(forget_biases(forget_bias=-2), torch.full((8,), -2.0))
    assert forget_biases(reference_exact=True).abs().max() < 0.5


@pytest.mark.parametrize(("height", "width"), [(64, 96), (50, 67), (16, 17), (5, 3)])
def test_any_size_is_padded_on_the_right_and_bottom_and_cropped_back(height: int, width: int) -> None:
    model = network(zero_init_last=False).eval()
    outputs = model(frames_of(height, width))
    assert outputs.synthesised.shape == outputs.refined.shape == (2, 3, height, width)
    bottom, right = -height % 16, -width % 16
    larger = nn.functional.pad(frames_of(height, width).flatten(0, 1), (0, right, 0, bottom), mode="replicate")
    by_hand = model(larger.unflatten(0, (2, 4))).synthesised[..., :height, :width]
    torch.testing.assert_close(outputs.synthesised, by_hand)


def test_depth_decides_the_multiple() -> None:
    model = network(depth=2, zero_init_last=False).eval()
    frames = frames_of(20, 24)
    residual = model.synthesis(frames)
    assert model.synthesis.multiple == 4
    assert residual.shape == (2, 3, 20, 24)


OPTIONS: list[dict[str, object]] = [
    {"norm": "group"},
    {"norm": "none"},
    {"upsample": "bilinear"},
    {"kernel_size": 5},
    {"growth": 3, "base_channels": 3},
    {"bidirectional": True},
    {"reference_exact": True},
    {"n_attention_blocks": 1, "spatial_kernel": 3},
    {"se_reduction": 1},
]


@pytest.mark.parametrize("options", [*OPTIONS, {"peephole": True}], ids=str)
def test_every_parameter_gets_a_gradient_with_every_option(options: dict[str, object]) -> None:
    model = network(**{"zero_init_last": False, **options})
    stage = CONVLSTM.last_stage
    objective(stage, model, stage.recipe)(batch_of()).total.backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


# Fresh peepholes are zero, see test_recurrent.py.
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_changes_the_prediction(options: dict[str, object]) -> None:
    # In training mode: with fresh statistics a batch norm in evaluation mode does next to nothing.
    plain = network(zero_init_last=False)(frames_of()).refined
    assert not torch.allclose(network(**{"zero_init_last": False, **options})(frames_of()).refined, plain, atol=1e-4)


def test_after_two_steps_every_parameter_has_moved_away_from_its_start() -> None:
    # Without reduction: three units after a ReLU may all be dead in a network of fresh weights.
    model = network(se_reduction=1)
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    stage = CONVLSTM.last_stage
    loss_of = objective(stage, model, stage.recipe)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        loss_of(batch_of()).total.backward()
        optimizer.step()
    assert [name for name, parameter in model.named_parameters() if torch.equal(parameter, start[name])] == []


def test_the_refined_loss_reaches_the_synthesis_network() -> None:
    model = network(zero_init_last=False)
    stage = CONVLSTM.last_stage
    recipe = stage.recipe.overridden({"synthesis_weight": 0})
    objective(stage, model, recipe)(batch_of()).total.backward()
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in model.synthesis.tail.parameters())


def test_the_loss_is_half_an_l1_and_a_whole_one_on_signed_values() -> None:
    model = network()
    frames = torch.full((1, 4, 3, 16, 16), 0.5)
    inputs = Inputs(frames, torch.full((1, 3, 16, 16), 0.25))
    stage = CONVLSTM.last_stage
    result = objective(stage, model, stage.recipe)(inputs)
    # Predicted 0.5, target 0.25 -> -0.5.
    assert {name: float(part) for name, part in result.parts.items()} == {"l1_synthesis": 1.0, "l1_refined": 1.0}
    assert float(result.total.detach()) == 1.5
    other = objective(stage, model, stage.recipe.overridden({"synthesis_weight": 2, "refined_weight": 3}))(inputs)
    assert float(other.total.detach()) == 5.0
    assert torch.equal(result.frame, torch.full((1, 3, 16, 16), 0.75))


def test_changing_the_last_frame_changes_the_frame_in_the_middle() -> None:
    model = network(zero_init_last=False).eval()
    changed = frames_of()
    changed[:, 3] *= -1
    assert not torch.allclose(model(changed).synthesised, model(frames_of()).synthesised, atol=1e-4)


def test_under_bf16_autocast_frames_stay_float32_and_close() -> None:
    model = network(zero_init_last=False).eval()
    exact = model(frames_of())
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(frames_of())
    assert rounded.synthesised.dtype == rounded.refined.dtype == torch.float32
    assert 0 < float((rounded.refined - exact.refined).detach().abs().max()) < 0.05


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_network_of_another_dtype_answers_in_it(dtype: torch.dtype) -> None:
    outputs = network(zero_init_last=False).to(dtype)(frames_of(33, 20).to(dtype))
    assert outputs.refined.dtype == dtype
    assert outputs.refined.isfinite().all()


def test_two_frames_of_a_batch_in_evaluation_do_not_see_each_other() -> None:
    model = network(zero_init_last=False).eval()
    alone = model(frames_of()[:1]).refined
    torch.testing.assert_close(model(frames_of()).refined[:1], alone, atol=1e-5, rtol=1e-5)


def test_prepare_stacks_the_frames_in_time_between_minus_one_and_one(sample: Sample) -> None:
    prepared = prepare(sample)
    images = (sample.before, sample.frame0, sample.frame1, sample.after)
    for found, image in zip(prepared.frames, images, strict=True):
        assert image is not None
        expected = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32)) / 255 * 2 - 1
        torch.testing.assert_close(found, expected)
    assert prepared.target is not None
    assert float(prepared.target.min()) >= 0


def test_a_missing_context_frame_is_the_boundary_frame_beside_it(sample: Sample) -> None:
    prepared = prepare(replace(sample, before=None, after=None))
    assert torch.equal(prepared.frames[0], prepared.frames[1])
    assert torch.equal(prepared.frames[3], prepared.frames[2])


def test_predict_clamps_and_shows_the_synthesised_frame() -> None:
    model = network().eval()
    bright = Inputs(torch.full((1, 4, 3, 16, 16), 3.0), None)
    predictions = predict(model, bright)
    assert float(predictions.frame.max()) == float(predictions.intermediates["synthesis"].max()) == 1.0


def test_signed_and_unsigned_are_inverse() -> None:
    values = torch.tensor([0.0, 0.25, 1.0])
    assert torch.equal(signed(values), torch.tensor([-1.0, -0.5, 1.0]))
    assert torch.equal(unsigned(signed(values)), values)


@pytest.mark.parametrize(
    "options", [{"kernel_size": 4}, {"in_frames": 2}, {"se_reduction": 10}, {"depth": 0}, {"norm": "layer"}], ids=str
)
def test_an_impossible_option_is_refused(options: dict[str, object]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=name):
        build("convlstm", **options)


def test_a_recipe_of_another_family_is_refused() -> None:
    plain = Recipe(learning_rate=1, epochs=1, batch_size=1)
    with pytest.raises(UserError, match="ConvLSTMRecipe"):
        objective(CONVLSTM.last_stage, network(), plain)


def test_the_manifest_holds_the_implementations_recipe() -> None:
    (stage,) = CONVLSTM.stages
    recipe = stage.recipe
    assert isinstance(recipe, ConvLSTMRecipe)
    assert stage.name == "joint"
    assert (recipe.learning_rate, recipe.lr_decay, recipe.epochs, recipe.batch_size) == (1e-4, 1, 150, 8)
    assert (recipe.synthesis_weight, recipe.refined_weight, recipe.augment.crop) == (0.5, 1.0, 256)


def test_a_moving_square_is_learned_better_than_the_average() -> None:
    still = torch.full((1, 7, 3, 32, 32), -0.8)
    for time in range(7):
        still[0, time, :, 8:20, 4 + 2 * time : 12 + 2 * time] = 0.8
    inputs = Inputs(still[:, 0::2], unsigned(still[:, 3]))
    model = network(base_channels=8, norm="group")
    stage = CONVLSTM.last_stage
    loss_of = objective(stage, model, stage.recipe)
    average = float(loss_of(inputs).parts["l1_refined"])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        loss_of(inputs).total.backward()
        optimizer.step()
    assert float(loss_of(inputs).parts["l1_refined"]) < 0.5 * average

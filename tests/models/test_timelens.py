"""Each convention of specs/timelens.md has its own test."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evfi.errors import UserError
from evfi.models import build
from evfi.models.family import Recipe
from evfi.models.registry import FAMILIES
from evfi.models.timelens.inputs import Inputs, prepare
from evfi.models.timelens.manifest import TIMELENS, TimeLensOptions
from evfi.models.timelens.network import TimeLens
from evfi.models.timelens.objective import objective
from evfi.nn.losses import charbonnier, l1, laplacian
from evfi.representation.voxel import voxel_grid_plain
from evfi.samples.sample import Sample
from evfi.types import Events


class Spy(nn.Module):
    """Stands in for a network: keeps its input, gives a fixed output."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output
        self.seen = torch.empty(0)

    def forward(self, image: Tensor) -> Tensor:
        self.seen = image
        return self.output


def constant(channels: int, first: float) -> Tensor:
    """Planes of first, first + 1, …"""
    return (torch.arange(channels) + float(first)).view(1, -1, 1, 1).expand(1, channels, 32, 32).clone()


def planes(image: Tensor) -> list[float]:
    """The value of each (constant) channel of the first image, in the middle."""
    return [float(value) for value in image[0, :, 16, 16]]


@pytest.fixture
def inputs() -> Inputs:
    return Inputs(
        frame0=constant(3, 100),
        frame1=constant(3, 200),
        voxel_0_to_tau=constant(5, 10),
        voxel_tau_to_0=constant(5, 20),
        voxel_tau_to_1=constant(5, 30),
        tau=torch.tensor([0.25]),
        target=torch.zeros(1, 3, 32, 32),
    )


@pytest.fixture
def model() -> TimeLens:
    torch.manual_seed(0)
    return TimeLens(TimeLensOptions(base_width=4))


def spied(model: TimeLens, *, flows: Tensor, residual: Tensor, logits: Tensor) -> TimeLens:
    model.synthesis = Spy(constant(3, 300))  # pyright: ignore[reportAttributeAccessIssue]
    model.warp = Spy(flows)  # pyright: ignore[reportAttributeAccessIssue]
    model.refinement = Spy(residual)  # pyright: ignore[reportAttributeAccessIssue]
    model.attention = Spy(logits)  # pyright: ignore[reportAttributeAccessIssue]
    return model


def test_parameter_counts_at_width_32_are_those_of_the_paper() -> None:
    model = build("timelens")
    counts = {name: sum(item.numel() for item in child.parameters()) for name, child in model.named_children()}
    assert counts == {"synthesis": 19_809_507, "warp": 19_791_970, "refinement": 19_798_820, "attention": 19_806_371}
    assert sum(counts.values()) == 79_206_668


def test_synthesis_sees_voxels_before_frame0_voxels_after_frame1(model: TimeLens, inputs: Inputs) -> None:
    model.synthesis = spy = Spy(constant(3, 0))  # pyright: ignore[reportAttributeAccessIssue]
    model.synthesised(inputs)
    assert planes(spy.seen) == [10, 11, 12, 13, 14, 100, 101, 102, 30, 31, 32, 33, 34, 200, 201, 202]


def test_warp_sees_the_reversed_grid_for_frame0_and_the_grid_after_for_frame1(model: TimeLens, inputs: Inputs) -> None:
    flows = torch.cat((constant(2, 1), constant(2, 3)))
    model.warp = spy = Spy(flows)  # pyright: ignore[reportAttributeAccessIssue]
    warping = model.warped(inputs)
    assert planes(spy.seen[:1]) == [20, 21, 22, 23, 24]
    assert planes(spy.seen[1:]) == [30, 31, 32, 33, 34]
    # The network says (dy, dx); the project's flow is (dx, dy).
    assert planes(warping.flow0) == [2, 1]
    assert planes(warping.flow1) == [4, 3]


def test_the_warp_network_says_dy_first(model: TimeLens, inputs: Inputs) -> None:
    ramp = torch.arange(32.0).view(1, 1, 32, 1).expand(1, 3, 32, 32)
    flows = torch.zeros(2, 2, 32, 32)
    flows[:, 0] = 2
    model.warp = Spy(flows)  # pyright: ignore[reportAttributeAccessIssue]
    warped = model.warped(replace(inputs, frame0=ramp)).warped0.image
    assert float(warped[0, 0, 10, 10]) == pytest.approx(12)


def test_refinement_sees_warped1_warped0_synthesised(model: TimeLens, inputs: Inputs) -> None:
    spied(model, flows=torch.zeros(2, 2, 32, 32), residual=torch.zeros(1, 4, 32, 32), logits=constant(3, 0))
    model(inputs)
    assert planes(model.refinement.seen) == pytest.approx([200, 201, 202, 100, 101, 102, 300, 301, 302], abs=1e-3)


def test_residual_flow_is_for_frame1_first_and_warps_the_already_warped_frames(model: TimeLens, inputs: Inputs) -> None:
    down = torch.arange(32.0).view(1, 1, 32, 1).expand(1, 3, 32, 32)
    across = torch.arange(32.0).view(1, 1, 1, 32).expand(1, 3, 32, 32)
    flows = torch.zeros(2, 2, 32, 32)
    flows[0, 1], flows[1, 0] = 1, 2  # frame0 by dx 1, frame1 by dy 2
    residual = torch.zeros(1, 4, 32, 32)
    residual[:, 0], residual[:, 3] = 4, 8  # frame1 by dy 4, frame0 by dx 8
    spied(model, flows=flows, residual=residual, logits=constant(3, 0))
    outputs = model(replace(inputs, frame0=across, frame1=down))
    assert planes(outputs.refinement.residual1) == [0, 4]
    assert planes(outputs.refinement.residual0) == [8, 0]
    assert float(outputs.refinement.refined0.image[0, 0, 10, 10]) == pytest.approx(10 + 1 + 8)
    assert float(outputs.refinement.refined1.image[0, 0, 10, 10]) == pytest.approx(10 + 2 + 4)


def attention_case(model: TimeLens, inputs: Inputs, logits: Tensor) -> tuple[list[float], Tensor]:
    flows = torch.zeros(2, 2, 32, 32)
    flows[0] = torch.tensor([0.25, 0.5]).view(2, 1, 1)
    flows[1] = torch.tensor([0.125, 0.375]).view(2, 1, 1)
    spied(model, flows=flows, residual=torch.zeros(1, 4, 32, 32), logits=logits)
    outputs = model(inputs)
    return planes(model.attention.seen), outputs.attention.frame


def test_attention_sees_flow1_refined1_flow0_refined0_synthesised_tau(model: TimeLens, inputs: Inputs) -> None:
    seen, _ = attention_case(model, inputs, constant(3, 0))
    expected = [0.125, 0.375, 200, 201, 202, 0.25, 0.5, 100, 101, 102, 300, 301, 302, 0.25]
    assert seen == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("chosen", "expected"), [(0, 100), (1, 200), (2, 300)])
def test_attention_weights_are_for_refined0_refined1_synthesised(
    model: TimeLens, inputs: Inputs, chosen: int, expected: float
) -> None:
    logits = torch.zeros(1, 3, 32, 32)
    logits[:, chosen] = 50
    _, frame = attention_case(model, inputs, logits)
    assert float(frame[0, 0, 16, 16]) == pytest.approx(expected, abs=1e-3)


def test_attention_weights_are_a_softmax_over_the_candidates(model: TimeLens, inputs: Inputs) -> None:
    _, frame = attention_case(
        model, inputs, torch.log(torch.tensor([1.0, 2.0, 5.0])).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    )
    assert float(frame[0, 0, 16, 16]) == pytest.approx((1 * 100 + 2 * 200 + 5 * 300) / 8, abs=1e-2)


def test_released_fast_exchanges_refined_frames_at_input_and_sum_but_not_flows(inputs: Inputs) -> None:
    model = TimeLens(TimeLensOptions(base_width=4, variant="released_fast"))
    logits = torch.zeros(1, 3, 32, 32)
    logits[:, 0] = 50
    seen, frame = attention_case(model, inputs, logits)
    expected = [0.125, 0.375, 100, 101, 102, 0.25, 0.5, 200, 201, 202, 300, 301, 302, 0.25]
    assert seen == pytest.approx(expected, abs=1e-3)
    assert float(frame[0, 0, 16, 16]) == pytest.approx(200, abs=1e-3)


def test_training_runs_the_forward_variant_whatever_the_options_say(inputs: Inputs) -> None:
    stage = TIMELENS.stage("attention")
    frames: dict[str, Tensor] = {}
    for variant in ("forward", "released_fast"):
        torch.manual_seed(0)
        model = TimeLens(TIMELENS.model_options.model_validate({"base_width": 4, "variant": variant}))  # pyright: ignore
        frames[variant] = objective(stage, model, stage.recipe)(inputs).frame
    assert torch.equal(frames["forward"], frames["released_fast"])


def test_the_network_does_not_clamp(model: TimeLens, inputs: Inputs) -> None:
    _, frame = attention_case(model, inputs, constant(3, 0))
    assert float(frame.max()) > 1


def test_each_sample_of_a_batch_has_its_own_tau(model: TimeLens, inputs: Inputs) -> None:
    pair = Inputs.stacked([inputs, replace(inputs, tau=torch.tensor([0.75]))])
    pair = pair.changed(lambda tensor: tensor.flatten(0, 1))
    model.attention = spy = Spy(torch.zeros(2, 3, 32, 32))  # pyright: ignore[reportAttributeAccessIssue]
    model(pair)
    assert [float(image[13, 16, 16]) for image in spy.seen.detach()] == [0.25, 0.75]


def test_prepare_splits_the_events_at_the_target(sample: Sample) -> None:
    prepared = prepare(sample)
    before = voxel_grid_plain(sample.events, bins=5, start_us=0, end_us=30_000)
    after = voxel_grid_plain(sample.events, bins=5, start_us=30_000, end_us=100_000)
    assert np.allclose(prepared.voxel_0_to_tau.numpy(), before, atol=1e-5)
    assert np.allclose(prepared.voxel_tau_to_1.numpy(), after, atol=1e-5)
    assert float(prepared.tau) == pytest.approx(0.3)


def test_the_backward_grid_is_that_of_the_events_played_backwards(sample: Sample) -> None:
    # On the continuous time axis of the formula: mirrored at the window, polarity flipped.
    early = sample.events.window(0, 30_000)
    # A time of exactly 0 would be mirrored to the window's end, which is outside of it.
    early = early.take(early.t > 0)
    mirrored = Events(early.x, early.y, 30_000 - early.t, ~early.p, early.sensor_size)
    expected = voxel_grid_plain(mirrored, bins=5, start_us=0, end_us=30_000)
    prepared = prepare(replace(sample, events=early))
    assert np.allclose(prepared.voxel_tau_to_0.numpy(), expected, atol=1e-5)


def test_prepare_gives_rgb_between_0_and_1_with_channels_first(sample: Sample) -> None:
    prepared = prepare(sample)
    assert prepared.frame0.dtype == torch.float32
    assert torch.equal(prepared.frame0[2], torch.from_numpy(sample.frame0[..., 2].copy()).float() / 255)
    assert prepared.target is not None
    assert float(prepared.target.max()) <= 1


def test_prepare_takes_views_with_negative_strides(sample: Sample) -> None:
    flipped = prepare(replace(sample, frame0=sample.frame0[:, ::-1]))
    assert torch.equal(flipped.frame0, prepare(sample).frame0.flip(2))


def test_a_batch_of_two_sizes_is_refused(sample: Sample, inputs: Inputs) -> None:
    other = inputs.changed(lambda tensor: tensor[0])
    with pytest.raises(UserError, match="share one size"):
        TIMELENS.collate([prepare(sample), other])


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "charbonnier": charbonnier}


@pytest.mark.parametrize("pixel", list(LOSSES))
@pytest.mark.parametrize("stage_name", ["warp", "refinement"])
def test_warp_and_refinement_add_the_pixel_loss_of_both_sides(
    model: TimeLens, inputs: Inputs, stage_name: str, pixel: str
) -> None:
    stage = TIMELENS.stage(stage_name)
    outputs = model(inputs)
    pair = {
        "warp": (outputs.warping.warped0, outputs.warping.warped1),
        "refinement": (outputs.refinement.refined0, outputs.refinement.refined1),
    }[stage_name]
    assert inputs.target is not None
    expected = sum(float(LOSSES[pixel](side.image, inputs.target).detach()) for side in pair)
    result = objective(stage, model, stage.recipe.overridden({"pixel": pixel}))(inputs)
    assert float(result.total.detach()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("stage_name", ["synthesis", "attention"])
def test_synthesis_and_attention_add_the_perceptual_loss(model: TimeLens, inputs: Inputs, stage_name: str) -> None:
    stage = TIMELENS.stage(stage_name)
    outputs = model(inputs)
    frame = {"synthesis": outputs.synthesised, "attention": outputs.attention.frame}[stage_name]
    assert inputs.target is not None
    expected = float((2 * l1(frame, inputs.target) + 0.5 * laplacian(frame, inputs.target)).detach())
    recipe = stage.recipe.overridden({"pixel_weight": 2, "perceptual_weight": 0.5})
    result = objective(stage, model, recipe)(inputs)
    assert float(result.total.detach()) == pytest.approx(expected, rel=1e-5)
    assert set(result.parts) == {"l1", "laplacian"}


def test_where_one_side_has_no_source_the_other_alone_is_shown(model: TimeLens, inputs: Inputs) -> None:
    flows = torch.zeros(2, 2, 32, 32)
    flows[0, 1, :, :16] = -100
    model.warp = Spy(flows)  # pyright: ignore[reportAttributeAccessIssue]
    stage = TIMELENS.stage("warp")
    shown = objective(stage, model, stage.recipe)(inputs).frame
    assert float(shown[0, 0, 8, 4]) == pytest.approx(200, abs=1e-3)
    assert float(shown[0, 0, 8, 20]) == pytest.approx(150, abs=1e-3)


def test_a_recipe_that_weighs_nothing_is_refused() -> None:
    stage = TIMELENS.stage("warp")
    with pytest.raises(UserError, match="set one of them"):
        objective(stage, TimeLens(TimeLensOptions(base_width=4)), stage.recipe.overridden({"pixel_weight": 0}))


def test_a_recipe_of_another_family_is_refused() -> None:
    stage = TIMELENS.stage("warp")
    plain = Recipe(learning_rate=1, epochs=1, batch_size=1)
    with pytest.raises(UserError, match="TimeLensRecipe"):
        objective(stage, TimeLens(TimeLensOptions(base_width=4)), plain)


def test_the_manifest_holds_the_papers_recipe() -> None:
    assert [stage.name for stage in TIMELENS.stages_of()] == ["synthesis", "warp", "refinement", "attention"]
    for stage in FAMILIES["timelens"].stages_of():
        recipe = stage.recipe
        assert (recipe.learning_rate, recipe.lr_decay, recipe.lr_decay_epochs) == (1e-4, 0.1, 12)
        assert (recipe.epochs, recipe.batch_size, recipe.schedule) == (27, 4, "step")

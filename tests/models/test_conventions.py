"""The network equals the plain one of the specification, and no longer does so once any one convention is broken."""

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from evfi.models.registry import FAMILIES
from evfi.models.timelens.manifest import TimeLensOptions
from evfi.models.timelens.network import TimeLens
from evfi.samples.sample import Sample
from tests.models.plain_timelens import SPECIFICATION, Conventions, timelens

TIMELENS = FAMILIES["timelens"]
BROKEN = {
    "padding": "bottom right",
    "upsampling_aligned": True,
    "skip_order": "before the decoded",
    "warping_aligned": False,
    "outside": "border",
    "flow_order": "dx dy",
    "synthesis_order": (2, 1, 0, 3),
    "refinement_order": (1, 0, 2),
    "residual_order": (0, 1),
    "twice_warped": False,
    "attention_order": (2, 1, 0, 3, 4, 5),
    "weights_order": (1, 0, 2),
    "weighting": "sigmoid",
    "reversed_grid": "neither",
    "tau": "from frame1",
    "variant": "released_fast",
    "slope": 0.2,
    "pooling": "maximum",
}
FURTHER = [
    {"outside": "fading on all sides"},
    {"synthesis_order": (0, 3, 2, 1)},
    {"refinement_order": (0, 2, 1)},
    {"attention_order": (0, 3, 2, 1, 4, 5)},
    {"attention_order": (5, 0, 1, 2, 3, 4)},
    {"weights_order": (0, 2, 1)},
    {"reversed_grid": "bins"},
    {"reversed_grid": "sign"},
    {"variant": "exchanged at the input only"},
    {"variant": "exchanged in the sum only"},
]


def scaled_model(variant: str = "forward") -> TimeLens:
    """Random weights, scaled so that flows are pixels and logits differ: every convention then counts."""
    torch.manual_seed(0)
    model = TimeLens(TimeLensOptions(base_width=4, variant=variant))  # pyright: ignore[reportArgumentType]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                parameter.normal_(0, (2.0 / parameter[0].numel()) ** 0.5)
        model.warp.conv3.weight.mul_(2)
        model.refinement.conv3.weight.mul_(2)
        model.attention.conv3.weight.mul_(2)
    return model.double().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return dict(scaled_model().state_dict())


@pytest.fixture
def inputs(sample: Sample) -> dict[str, Tensor]:
    made = TIMELENS.collate([TIMELENS.prepare(sample)])
    names = {
        "frame0": "frame0",
        "frame1": "frame1",
        "before": "voxel_0_to_tau",
        "after": "voxel_tau_to_1",
        "tau": "tau",
    }
    return {ours: getattr(made, theirs).double() for ours, theirs in names.items()}


@pytest.fixture
def answer(sample: Sample) -> Tensor:
    """The network's frame; its warp computes positions in float32, by contract."""
    batch = TIMELENS.collate([TIMELENS.prepare(sample)])
    doubled = batch.changed(lambda tensor: tensor.double())
    return scaled_model()(doubled).attention.frame


# Positions are computed in float32, exact to about 4e-6 pixels at 50 pixels; brightness changes by up to 1 a pixel.
TOLERANCE = 1e-5


def difference(one: Tensor, other: Tensor) -> float:
    """The mean, so that single pixels whose source lies within float32's error of the border do not count."""
    return float((one - other).abs().mean())


def test_the_network_equals_the_plain_one(state: dict[str, Tensor], inputs: dict[str, Tensor], answer: Tensor) -> None:
    assert difference(timelens(state, inputs), answer) < TOLERANCE


def test_so_it_does_in_the_variant_of_the_released_script(
    state: dict[str, Tensor], inputs: dict[str, Tensor], sample: Sample
) -> None:
    batch = TIMELENS.collate([TIMELENS.prepare(sample)])
    doubled = batch.changed(lambda tensor: tensor.double())
    found = scaled_model("released_fast")(doubled).attention.frame
    assert difference(timelens(state, inputs, Conventions(variant="released_fast")), found) < TOLERANCE


@pytest.mark.parametrize("variant", ["forward", "exchanged at the input only", "exchanged in the sum only"])
def test_the_released_variant_exchanges_both_at_the_input_and_in_the_sum(
    variant: str, state: dict[str, Tensor], inputs: dict[str, Tensor]
) -> None:
    released = timelens(state, inputs, Conventions(variant="released_fast"))
    assert difference(timelens(state, inputs, Conventions(variant=variant)), released) > 100 * TOLERANCE


def test_every_convention_is_broken_once() -> None:
    assert set(BROKEN) == {field.name for field in fields(Conventions)}


@pytest.mark.parametrize(
    "broken", [*({name: value} for name, value in BROKEN.items()), *FURTHER], ids=lambda broken: str(broken)
)
def test_a_broken_convention_gives_another_frame(
    broken: dict[str, object], state: dict[str, Tensor], inputs: dict[str, Tensor], answer: Tensor
) -> None:
    rule = replace(SPECIFICATION, **broken)  # pyright: ignore[reportArgumentType]
    assert difference(timelens(state, inputs, rule), answer) > 100 * TOLERANCE

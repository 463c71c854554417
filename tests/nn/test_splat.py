from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evfi.nn.splat import forward_splat


def constant_flow(dx: float, dy: float, height: int, width: int) -> Tensor:
    return torch.tensor([float(dx), float(dy)]).view(1, 2, 1, 1).expand(1, 2, height, width)


def plain_splat(image: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """The rule of specs/wevi.md (2.2) pixel by pixel in float64."""
    _, channels, height, width = image.shape
    total, weights = torch.zeros(channels, height, width, dtype=torch.float64), torch.zeros(height, width).double()
    for row in range(height):
        for column in range(width):
            x, y = column + float(flow[0, 0, row, column]), row + float(flow[0, 1, row, column])
            left, top = int(np.floor(x)), int(np.floor(y))
            for down in (0, 1):
                for across in (0, 1):
                    if 0 <= top + down < height and 0 <= left + across < width:
                        weight = (1 - abs(x - left - across)) * (1 - abs(y - top - down))
                        total[:, top + down, left + across] += weight * image[0, :, row, column].double()
                        weights[top + down, left + across] += weight
    covered = weights != 0
    return (total / torch.where(covered, weights, 1))[None], covered[None, None]


@pytest.mark.parametrize(("case", "flow"), [("grid64", "flow_grid64_xy"), ("generic", "flow_generic_xy")])
def test_splatting_equals_the_released_kernel(golden: Path, case: str, flow: str) -> None:
    with np.load(golden / "wevi_splat.npz", allow_pickle=False) as stored:
        image, moved, expected, covered = (
            torch.from_numpy(stored[name]) for name in ("image", flow, f"splat_{case}", f"covered_{case}")
        )
    result = forward_splat(image, moved)
    assert torch.equal(result.covered, covered.bool())
    assert torch.allclose(result.image, expected, atol=5e-6, rtol=0)
    assert torch.equal(result.image[~result.covered.expand_as(result.image)].unique(), torch.zeros(1))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10_000))
def test_splatting_equals_the_rule_written_out(height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 2, height, width, generator=generator)
    # Quarters of pixels, so that weights are exact and a hole is a hole.
    flow = torch.randint(-12, 13, (1, 2, height, width), generator=generator) / 4
    result = forward_splat(image, flow)
    expected, covered = plain_splat(image, flow)
    assert torch.equal(result.covered, covered)
    assert torch.allclose(result.image.double(), expected, atol=1e-5)


def test_flow_channels_are_dx_then_dy_and_point_to_the_destination() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    right = forward_splat(image, constant_flow(1, 0, 3, 4))
    assert torch.equal(right.image[..., 1:], image[..., :3])
    assert not right.covered[..., 0].any()
    down = forward_splat(image, constant_flow(0, 1, 3, 4))
    assert torch.equal(down.image[..., 1:, :], image[..., :2, :])


def test_two_pixels_that_meet_give_their_mean() -> None:
    image = torch.tensor([[[[2.0, 0.0, 4.0]]]])
    flow = torch.zeros(1, 2, 1, 3)
    flow[0, 0, 0] = torch.tensor([1.0, 5.0, -1.0])
    result = forward_splat(image, flow)
    assert torch.equal(result.image[0, 0, 0], torch.tensor([0.0, 3.0, 0.0]))
    assert result.covered[0, 0, 0].tolist() == [False, True, False]


def test_samples_of_a_batch_do_not_mix() -> None:
    image, flow = torch.rand(3, 2, 5, 7), torch.randn(3, 2, 5, 7)
    together = forward_splat(image, flow).image
    alone = torch.cat([forward_splat(image[i : i + 1], flow[i : i + 1]).image for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_gradients_of_image_and_flow_are_those_of_finite_differences() -> None:
    # Away from whole pixels, where bilinear weights have a corner.
    image = torch.rand(1, 1, 4, 4, requires_grad=True)
    flow = (torch.rand(1, 2, 4, 4) * 0.4 + 0.3).requires_grad_()
    weights = torch.randn(1, 1, 4, 4)

    def value(image: Tensor, flow: Tensor) -> Tensor:
        return (forward_splat(image, flow).image * weights).sum()

    value(image, flow).backward()
    assert image.grad is not None
    assert flow.grad is not None
    step = 1e-2
    for tensor, gradient in ((image, image.grad), (flow, flow.grad)):
        change = torch.zeros_like(tensor)
        change[0, 0, 1, 2] = step
        others = (image, flow)
        ahead = [other.detach() + (change if other is tensor else 0) for other in others]
        behind = [other.detach() - (change if other is tensor else 0) for other in others]
        slope = (value(*ahead) - value(*behind)) / (2 * step)
        assert float(gradient[0, 0, 1, 2]) == pytest.approx(float(slope), abs=5e-3)


def test_positions_are_float32_under_bfloat16_autocast() -> None:
    image = torch.rand(1, 1, 2, 300)
    with torch.autocast("cpu", torch.bfloat16):
        result = forward_splat(image, constant_flow(1, 0, 2, 300))
    assert torch.equal(result.image[..., 1:], image[..., :-1])

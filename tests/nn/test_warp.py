import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evfi.nn.warp import backward_warp


def shifted_by(dx: float, dy: float, height: int, width: int) -> Tensor:
    return torch.tensor([float(dx), float(dy)]).view(1, 2, 1, 1).expand(1, 2, height, width)


def plain_warp(image: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """The rule of specs/timelens.md pixel by pixel in float64."""
    _, channels, height, width = image.shape
    result, invalid = torch.zeros_like(image, dtype=torch.float64), torch.zeros(1, 1, height, width, dtype=torch.bool)
    for row in range(height):
        for column in range(width):
            x, y = column + float(flow[0, 0, row, column]), row + float(flow[0, 1, row, column])
            if x < 0 or x >= width or y < 0 or y >= height:
                invalid[0, 0, row, column] = True
                continue
            left, top = int(x), int(y)
            for across in (0, 1):
                for down in (0, 1):
                    if left + across < width and top + down < height:
                        weight = (1 - abs(x - left - across)) * (1 - abs(y - top - down))
                        for channel in range(channels):
                            result[0, channel, row, column] += weight * float(
                                image[0, channel, top + down, left + across]
                            )
    return result, invalid


def test_flow_channels_are_dx_then_dy_and_point_to_the_source() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    right = backward_warp(image, shifted_by(1, 0, 3, 4)).image
    assert torch.allclose(right[..., :3], image[..., 1:], atol=1e-5)
    down = backward_warp(image, shifted_by(0, 1, 3, 4)).image
    assert torch.allclose(down[..., :2, :], image[..., 1:, :], atol=1e-5)


def test_no_flow_gives_the_image_back() -> None:
    image = torch.rand(2, 3, 37, 53)
    result = backward_warp(image, torch.zeros(2, 2, 37, 53))
    assert torch.allclose(result.image, image, atol=1e-5)
    assert not result.invalid.any()


def test_corners_are_aligned() -> None:
    image = torch.tensor([[[[0.0, 10.0, 20.0]]]]).expand(1, 1, 3, 3)
    half = backward_warp(image, shifted_by(0.5, 0, 3, 3)).image
    assert torch.allclose(half[0, 0, 1], torch.tensor([5.0, 15.0, 10.0]), atol=1e-5)


def test_a_source_just_left_of_the_frame_is_zero_and_invalid() -> None:
    result = backward_warp(torch.ones(1, 1, 4, 4), shifted_by(-0.25, 0, 4, 4))
    assert torch.equal(result.image[..., 0], torch.zeros(1, 1, 4))
    assert result.invalid[..., 0].all()
    assert not result.invalid[..., 1:].any()


def test_a_source_just_above_the_frame_is_zero_and_invalid() -> None:
    result = backward_warp(torch.ones(1, 1, 4, 4), shifted_by(0, -0.25, 4, 4))
    assert torch.equal(result.image[..., 0, :], torch.zeros(1, 1, 4))
    assert result.invalid[..., 0, :].all()


def test_between_the_last_pixel_and_the_frame_end_the_value_fades_but_is_valid() -> None:
    result = backward_warp(torch.ones(1, 1, 4, 4), shifted_by(0.75, 0.5, 4, 4))
    assert torch.allclose(result.image[..., :3, 3], torch.tensor(0.25), atol=1e-5)
    assert torch.allclose(result.image[..., 3, :3], torch.tensor(0.5), atol=1e-5)
    assert not result.invalid.any()


def test_a_source_one_pixel_beyond_the_last_is_invalid() -> None:
    result = backward_warp(torch.ones(1, 1, 4, 4), shifted_by(1, 0, 4, 4))
    assert result.invalid[..., 3].all()
    assert not result.invalid[..., :3].any()


def test_positions_are_float32_under_bfloat16_autocast() -> None:
    image = torch.rand(1, 1, 4, 300)
    with torch.autocast("cpu", torch.bfloat16):
        result = backward_warp(image, shifted_by(1, 0, 4, 300))
    assert torch.allclose(result.image[..., :-1], image[..., 1:], atol=1e-4)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 10_000))
def test_warping_equals_the_rule_written_out(height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 2, height, width, generator=generator)
    # Quarters of pixels, so that a position never lies within rounding of the frame's edge.
    flow = torch.randint(-12, 13, (1, 2, height, width), generator=generator) / 4
    result = backward_warp(image, flow)
    expected, invalid = plain_warp(image, flow)
    assert torch.equal(result.invalid, invalid)
    assert torch.allclose(result.image.double(), expected, atol=1e-5)

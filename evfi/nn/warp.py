"""Backward warping with the project's out-of-bounds rule. Flow channels are (dx, dy) in pixels, as everywhere."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Warped:
    """A warped image, and where its source lay outside the frame (`invalid`, True there; the image is 0)."""

    image: Float[Tensor, "b c h w"]
    invalid: Bool[Tensor, "b 1 h w"]


def backward_warp(image: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]) -> Warped:
    """Read `image` at p + flow(p), bilinear, pixel centres on whole numbers (align_corners True).

    A source with x < 0, x >= W, y < 0 or y >= H gives 0 and is marked invalid; between W-1 and W (and H-1 and H) the
    zero padding fades the value. Computed in float32 also under autocast: bfloat16 cannot hold a pixel position.

    Args:
        image: any values; result has its shape.
        flow: (dx, dy) in pixels.
    """
    height, width = image.shape[-2:]
    with torch.autocast(image.device.type, enabled=False):
        flow = flow.float()
        x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
        y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
        valid = ((x >= 0) & (x < width) & (y >= 0) & (y < height))[:, None]
        grid = torch.stack((_normalised(x, width), _normalised(y, height)), dim=-1)
        sampled = F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=True)
        return Warped(sampled * valid, ~valid)


def _normalised(position: Tensor, size: int) -> Tensor:
    """Pixel position 0 … size-1 as grid_sample's -1 … 1."""
    return position * (2 / max(size - 1, 1)) - 1

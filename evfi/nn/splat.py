"""Forward warping by average splatting: every source pixel is spread over the four pixels around its destination."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Splatted:
    """A forward warped image, and where something arrived (`covered`; elsewhere the image is 0)."""

    image: Float[Tensor, "b c h w"]
    covered: Bool[Tensor, "b 1 h w"]


def forward_splat(image: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]) -> Splatted:
    """Move each pixel p of `image` to p + flow(p); where several arrive, their mean by bilinear weight.

    A pixel gives value and weight to the four pixels around its destination, those outside the image are dropped; the
    result is the sum of values over the sum of weights. Gradients flow to image and flow. Memory is a few images,
    whatever the flow. In float32 also under autocast: bfloat16 cannot hold a pixel position. On a GPU the sums are
    taken in no fixed order, so that their last bits may differ from run to run.

    Args:
        image: any values.
        flow: forward flow of the source pixels, (dx, dy) in pixels.
    """
    batch, channels, height, width = image.shape
    with torch.autocast(image.device.type, enabled=False):
        image, flow = image.float(), flow.float()
        x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
        y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
        weighted = torch.cat((image, torch.ones_like(image[:, :1])), dim=1).flatten(2)
        total = weighted.new_zeros(batch, channels + 1, height * width)
        for column in (x.floor(), x.floor() + 1):
            for row in (y.floor(), y.floor() + 1):
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                weight = (1 - (x - column).abs()) * (1 - (y - row).abs()) * inside
                cell = torch.where(inside, row * width + column, 0).long()
                place = cell.flatten(1)[:, None].expand(-1, channels + 1, -1)
                total = total.scatter_add(2, place, weighted * weight.flatten(1)[:, None])
        values, weights = total.view(batch, channels + 1, height, width).split((channels, 1), dim=1)
        covered = weights != 0
        return Splatted(values / torch.where(covered, weights, 1), covered)

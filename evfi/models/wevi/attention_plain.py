"""The slow twin of `attention.transferred`: the source's formulation with unfolded patches, obviously right."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from evfi.models.wevi.attention import Overlap


def transferred_plain(
    value: Float[Tensor, "b c hs ws"], flow: Float[Tensor, "b 2 h w"], scale: int, overlap: Overlap
) -> Float[Tensor, "b c hs ws"]:
    """Unfold patches of 3x3 cells, warp them all, fold them back, divide. At scale 4 they have 144 times the channels.

    Args:
        value: the reference's features at `scale` pixels a cell.
        flow: (u, v) in cells; the map must have at least 2x2 of them.
        overlap: as for `attention.taps`.
    """
    (height, width), (rows, columns) = value.shape[-2:], flow.shape[-2:]
    window = {"kernel_size": 3 * scale, "stride": scale, "padding": scale}
    patches = F.unfold(value, **window).view(len(value), -1, rows, columns)
    x = torch.arange(columns) + flow[:, 0]
    y = torch.arange(rows)[:, None] + flow[:, 1]
    grid = torch.stack((2 * x / (columns - 1) - 1, 2 * y / (rows - 1) - 1), dim=-1)
    moved = F.grid_sample(patches, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    folded = F.fold(moved.flatten(2), (height, width), **window)
    if overlap == "constant":
        return folded / 9
    return folded / F.fold(F.unfold(torch.ones_like(value), **window), (height, width), **window)

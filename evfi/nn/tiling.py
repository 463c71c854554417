"""A network of limited reach run tile by tile: the same result in less memory; what overlaps is computed twice."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from evfi.errors import UserError

Network = Callable[[Tensor], Tensor]


def tiled(network: Network, image: Float[Tensor, "b c h w"], tile: int, overlap: int) -> Float[Tensor, "b d h w"]:
    """`network(image)`, square by square; each sees `overlap` more pixels on each side that lies inside of the image.

    Equal to the whole (but for the order of float sums) where the overlap is at least the network's reach.

    Args:
        network: keeps height and width; its grid of halvings must divide `tile` and `overlap`.
        tile: side of a square in pixels.
    """
    height, width = image.shape[-2:]
    rows = []
    for top in range(0, height, tile):
        bottom = min(top + tile, height)
        first, last = max(0, top - overlap), min(height, bottom + overlap)
        parts = []
        for left in range(0, width, tile):
            right = min(left + tile, width)
            start, end = max(0, left - overlap), min(width, right + overlap)
            seen = network(image[..., first:last, start:end])
            parts.append(seen[..., top - first : bottom - first, left - start : right - start].clone())
        rows.append(torch.cat(parts, dim=-1))
    return torch.cat(rows, dim=-2)


def tile_side(height: int, width: int, overlap: int, multiple: int, pixels: float) -> int | None:
    """The largest side of a tile whose square with its overlaps has at most `pixels` pixels; None: the whole fits.

    Raises:
        UserError: even the smallest tile is too large.
    """
    if height * width <= pixels:
        return None

    def seen(tile: int) -> int:
        return min(tile + 2 * overlap, height) * min(tile + 2 * overlap, width)

    fitting = [tile for tile in range(multiple, max(height, width) + multiple, multiple) if seen(tile) <= pixels]
    if not fitting:
        raise UserError(
            f"a tile of the frame of {width}x{height} pixels, with what its network sees around it, has "
            f"{seen(multiple)} pixels, but the memory allowed holds {int(pixels)}: raise --max-memory "
            f"{seen(multiple) / pixels:.1f}-fold"
        )
    return fitting[-1]

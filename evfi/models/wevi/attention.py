"""Stage 2's sub-pixel attention: where a reference shows the same again, and the reference's features from there.

Conventions: places are cells of 4x4 pixels (1/4 resolution); displacements are (u, v) = (right, down) in cells. The
source copies overlapping patches around each cell (4608 channels), moves them by the match and adds them up where they
overlap. Here the same sum is taken cell by cell: 36 weighted cells of the reference (nine overlapping patches, four
neighbours of a sub-pixel place each), gathered in one operation, without a tensor wider than the result.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from evfi.nn.correlation import local_correlation

RADIUS = 8
"""Of the search, in cells."""
_SIDE = 2 * RADIUS + 1
_OUTSIDE_DISTANCE = 2.0
"""Squared distance of two orthogonal unit vectors: what lies outside the searched window counts as that."""
_SMALLEST_CURVATURE = 1e-6
_SIGMA = 0.5
_OVERLAPPING = 9

Overlap = Literal["constant", "counted"]


@dataclass(frozen=True, eq=False)
class Match:
    """The most similar place of a reference: its cosine, whole displacement (u, v) and sub-cell correction."""

    similarity: Float[Tensor, "b 1 h w"]
    hard: Float[Tensor, "b 2 h w"]
    sub: Float[Tensor, "b 2 h w"]

    @property
    def flow(self) -> Float[Tensor, "b 2 h w"]:
        return self.hard + self.sub


class Attention(nn.Module):
    """Finds each cell of a query in a reference, by the cosine of learned embeddings.

    Gradients reach the embedding through similarity and sub-cell correction; the choice itself has none.
    """

    fit: Tensor

    def __init__(self, channels: int, embedded: int) -> None:
        super().__init__()
        # In the source a 1x1 convolution of unfolded 3x3 patches: the same.
        self.embedding = nn.Conv2d(channels, embedded, 3, padding=1, bias=False)
        self.register_buffer("fit", fit_matrix()[:4], persistent=False)

    def forward(self, query: Float[Tensor, "b c h w"], reference: Float[Tensor, "b c h w"]) -> Match:
        first = F.normalize(self.embedding(query).float(), dim=1)
        second = F.normalize(self.embedding(reference).float(), dim=1)
        return self.matched(local_correlation(first, second, RADIUS))

    def matched(self, cosines: Float[Tensor, "b 289 h w"]) -> Match:
        """The best displacement of each cell, and the minimum of a quadratic through its 3x3 neighbourhood."""
        best = cosines.argmax(dim=1, keepdim=True)
        row, column = best // _SIDE, best % _SIDE
        distances = torch.cat([_distance_at(cosines, row + v, column + u) for v in (-1, 0, 1) for u in (-1, 0, 1)], 1)
        across, down, slope_across, slope_down = torch.einsum("kn,bnhw->kbhw", self.fit, distances)
        sub_u = -slope_across / across.clamp(min=_SMALLEST_CURVATURE)
        sub_v = -slope_down / down.clamp(min=_SMALLEST_CURVATURE)
        return Match(
            similarity=cosines.gather(1, best),
            hard=torch.cat((column - RADIUS, row - RADIUS), dim=1).to(cosines.dtype),
            sub=torch.stack((sub_u, sub_v), dim=1).clamp(-1, 1),
        )


@dataclass(frozen=True, eq=False)
class Taps:
    """For each cell (b * h * w of them, row by row) 36 cells of the reference and their weights."""

    cells: Int[Tensor, "n 36"]
    weights: Float[Tensor, "n 36"]


def taps(flow: Float[Tensor, "b 2 h w"], overlap: Overlap) -> Taps:
    """Which cells of the reference make up each cell, when patches of 3x3 cells are moved by `flow` and added up.

    Args:
        overlap: the sum is divided by 9 everywhere ("constant", as the source does: a band of one cell along the border
            is attenuated), or by the number of patches that overlap there ("counted").
    """
    batch, _, height, width = flow.shape
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None]
    x, y = columns + flow[:, 0], rows + flow[:, 1]
    corners = [(y.floor() + down, x.floor() + across) for down in (0, 1) for across in (0, 1)]
    row = torch.stack([corner[0] for corner in corners], dim=1).detach()
    column = torch.stack([corner[1] for corner in corners], dim=1).detach()
    weight = (1 - (x[:, None] - column).abs()) * (1 - (y[:, None] - row).abs()) * _inside(row, column, height, width)
    first = torch.arange(batch, device=flow.device).view(-1, 1, 1, 1) * (height * width)
    cells: list[Tensor] = []
    weights: list[Tensor] = []
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            # The patch around the cell's neighbour at (-down, -across) holds the cell at (down, across) of its own.
            there_row = _from_neighbour(row, down, across) + down
            there_column = _from_neighbour(column, down, across) + across
            inside = _inside(there_row, there_column, height, width)
            cells.append(torch.where(inside, there_row * width + there_column, 0).long() + first)
            weights.append(_from_neighbour(weight, down, across) * inside)
    number = _OVERLAPPING if overlap == "constant" else _patches_at(flow)
    return Taps(_by_cell(torch.cat(cells, dim=1)), _by_cell(torch.cat(weights, dim=1) / number))


def transferred(value: Float[Tensor, "b c hs ws"], chosen: Taps, scale: int) -> Float[Tensor, "b c hs ws"]:
    """The reference's features at `scale` pixels a cell, moved as the taps say; gradients flow to both."""
    batch, _, height, width = value.shape
    cells = F.pixel_unshuffle(value.float(), scale).permute(0, 2, 3, 1)
    summed = F.embedding_bag(
        chosen.cells, cells.flatten(0, 2).contiguous(), mode="sum", per_sample_weights=chosen.weights
    )
    summed = summed.view(batch, height // scale, width // scale, -1).permute(0, 3, 1, 2)
    return F.pixel_shuffle(summed, scale)


def fit_matrix() -> Float[Tensor, "5 9"]:
    """Weighted least squares of f(u, v) = A u²/2 + B v²/2 + C u + D v + E on a 3x3 patch (v outer, u inner).

    Rows give A, B, C, D, E; the weights are a Gaussian of sigma 0.5.
    """
    v, u = torch.meshgrid(*(2 * [torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)]), indexing="ij")
    u, v = u.flatten(), v.flatten()
    terms = torch.stack((u * u / 2, v * v / 2, u, v, torch.ones_like(u)), dim=1)
    weighted = terms * torch.exp(-(u * u + v * v) / (2 * _SIGMA**2))[:, None]
    return torch.linalg.solve(weighted.T @ terms, weighted.T).float()


def _distance_at(cosines: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Squared distance 2 - 2 cos at a displacement (B, 1, h, w) each; outside the window that of unrelated vectors."""
    inside = _inside(row, column, _SIDE, _SIDE)
    found = cosines.gather(1, torch.where(inside, row * _SIDE + column, 0))
    return torch.where(inside, 2 - 2 * found, _OUTSIDE_DISTANCE)


def _inside(row: Tensor, column: Tensor, height: int, width: int) -> Tensor:
    return (row >= 0) & (row < height) & (column >= 0) & (column < width)


def _from_neighbour(cells: Tensor, down: int, across: int) -> Tensor:
    """The map's values at (y - down, x - across), 0 outside."""
    height, width = cells.shape[-2:]
    around = F.pad(cells, (1, 1, 1, 1))
    return around[..., 1 - down : 1 - down + height, 1 - across : 1 - across + width]


def _patches_at(flow: Tensor) -> Tensor:
    """How many patches overlap at each cell, (1, 1, h, w): 9, at edges 6, at corners 4."""
    return F.avg_pool2d(torch.ones_like(flow[:1, :1]), 3, stride=1, padding=1, divisor_override=1)


def _by_cell(maps: Tensor) -> Tensor:
    """(B, 36, h, w) to (B h w, 36)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2).contiguous()

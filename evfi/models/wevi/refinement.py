"""Stage 2: stage 1's frame with texture that is fetched from both boundary frames by attention.

Conventions: frames in [-1, 1], event counts in [-10, 10]. Level k has 1/k of the resolution. Sizes are filled up at the
right and bottom to a multiple of 4 by repeating the border (the source demands such sizes). The last convolution starts
at zero, so that an untrained stage 2 gives stage 1's frame exactly.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from evfi.models.wevi.attention import Attention, Match, Overlap, taps, transferred
from evfi.models.wevi.blocks import Convolved, FuseBlock, Residual, convolution3, enlarged, initialise
from evfi.models.wevi.correction import BINS, Corrected

_CELL = 4
Frame = Float[Tensor, "b 3 h w"]
Grid = Float[Tensor, "b 8 h w"]


@dataclass(frozen=True, eq=False)
class Levels:
    """Features, or features fetched from a reference, at 1/4, 1/2 and full resolution."""

    at4: Tensor
    at2: Tensor
    at1: Tensor


@dataclass(frozen=True, eq=False)
class Refined:
    """Stage 2's frame in [-1, 1] (not clamped), and what led to it."""

    frame: Frame
    match0: Match
    match1: Match
    query4: Tensor
    fetched: Levels


class Refinement(nn.Module):
    """Both boundary frames, events around them and the target, and stage 1's result to a finer frame."""

    def __init__(self, base: int, overlap: Overlap) -> None:
        super().__init__()
        self._overlap: Overlap = overlap
        self.features = Features(base)
        self.attention = Attention(4 * base, base)
        self.decoder = Decoder(base)
        initialise(self.features)
        initialise(self.decoder)
        nn.init.zeros_(self.decoder.merge.tail.weight)

    def forward(
        self, frame0: Frame, frame1: Frame, events0: Grid, events_t: Grid, events1: Grid, corrected: Corrected
    ) -> Refined:
        query = self.features(torch.cat((corrected.frame, events_t), dim=1))
        side0 = self.features(torch.cat((frame0, events0), dim=1))
        side1 = self.features(torch.cat((frame1, events1), dim=1))
        match0, match1 = self.attention(query.at4, side0.at4), self.attention(query.at4, side1.at4)
        fetched = _better(match0, self._fetched(side0, match0), match1, self._fetched(side1, match1))
        residual = self.decoder(query.at4, fetched, corrected)
        height, width = frame0.shape[-2:]
        frame = corrected.frame + residual[..., :height, :width]
        return Refined(frame=frame, match0=match0, match1=match1, query4=query.at4, fetched=fetched)

    def _fetched(self, side: Levels, match: Match) -> Levels:
        chosen = taps(match.flow, self._overlap)
        return Levels(
            transferred(side.at4, chosen, 1), transferred(side.at2, chosen, 2), transferred(side.at1, chosen, 4)
        )


class Features(nn.Module):
    """A frame and its events to features at three levels; one network for all three frames."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.level1 = Convolved(3 + BINS, base, bias=True)
        self.level2a = Convolved(base, base, bias=True)
        self.level2b = Convolved(base, 2 * base, bias=True)
        self.level3a = Convolved(2 * base, 2 * base, bias=True)
        self.level3b = Convolved(2 * base, 4 * base, bias=True)

    def forward(self, image: Float[Tensor, "b 11 h w"]) -> Levels:
        bottom, right = (-side % _CELL for side in image.shape[-2:])
        at1 = self.level1(F.pad(image, (0, right, 0, bottom), mode="replicate"))
        at2 = self.level2b(F.max_pool2d(self.level2a(at1), 2))
        at4 = self.level3b(F.max_pool2d(self.level3a(at2), 2))
        return Levels(at4, at2, at1)


class Query(nn.Module):
    """The target's own features, condensed by residual blocks."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(Residual(channels) for _ in range(4)))
        self.tail = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        start = F.relu(self.head(image))
        return start + self.tail(self.blocks(start))


class Merge(nn.Module):
    """The decoder's three levels to the residual of the frame."""

    def __init__(self, base: int) -> None:
        super().__init__()
        half, quarter = base // 2, base // 4
        self.from4 = nn.Conv2d(2 * base, half, 1)
        self.from2 = nn.Conv2d(base, half, 1)
        self.join = nn.Conv2d(3 * half, half, 3, padding=1)
        self.narrow = nn.Conv2d(half, quarter, 3, padding=1)
        self.tail = nn.Conv2d(quarter, 3, 1)

    def forward(self, at4: Tensor, at2: Tensor, at1: Tensor) -> Frame:
        from4 = F.relu(self.from4(enlarged(at4, 4)))
        from2 = F.relu(self.from2(enlarged(at2, 2)))
        joined = self.narrow(F.relu(self.join(torch.cat((at1, from4, from2), dim=1))))
        with torch.autocast(at1.device.type, enabled=False):
            return self.tail(joined.float())


class Decoder(nn.Module):
    """Fetched features, joined with the target's and with stage 1's, to the residual of the frame."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.query = Query(4 * base, base)
        self.entry = convolution3(9 * base, 2 * base)
        self.residuals4 = nn.Sequential(*(Residual(2 * base) for _ in range(4)))
        self.block1 = FuseBlock(2 * base, base, 2 * base)
        self.residuals2 = nn.Sequential(*(Residual(base) for _ in range(2)))
        self.block2 = FuseBlock(base, base // 2, base)
        self.residuals1 = nn.Sequential(*(Residual(base // 2) for _ in range(2)))
        self.merge = Merge(base)

    def forward(self, query4: Tensor, fetched: Levels, corrected: Corrected) -> Frame:
        features4 = _of_size(corrected.features4, fetched.at4)
        at4 = self.entry(torch.cat((self.query(query4), fetched.at4, features4), dim=1))
        at4 = at4 + self.residuals4(at4)
        at2 = self.block1(enlarged(at4), fetched.at2, _of_size(corrected.features2, fetched.at2))
        at2 = at2 + self.residuals2(at2)
        at1 = self.block2(enlarged(at2), fetched.at1, _of_size(corrected.features1, fetched.at1))
        at1 = at1 + self.residuals1(at1)
        return self.merge(at4, at2, at1)


def _better(match0: Match, fetched0: Levels, match1: Match, fetched1: Levels) -> Levels:
    """At each place the features of the more similar reference, scaled by similarity + 1."""

    def chosen(at0: Tensor, at1: Tensor, factor: int) -> Tensor:
        similarity0 = enlarged(match0.similarity, factor) if factor > 1 else match0.similarity
        similarity1 = enlarged(match1.similarity, factor) if factor > 1 else match1.similarity
        better = torch.where(similarity0 >= similarity1, at0, at1)
        return better * (torch.maximum(similarity0, similarity1) + 1)

    return Levels(
        chosen(fetched0.at4, fetched1.at4, 1),
        chosen(fetched0.at2, fetched1.at2, 2),
        chosen(fetched0.at1, fetched1.at1, 4),
    )


def _of_size(image: Tensor, like: Tensor) -> Tensor:
    """The upper left part of an image that was filled up further than `like`."""
    return image[..., : like.shape[-2], : like.shape[-1]]

"""WEVI: forward warped frames corrected by events (stage 1), then refined by attention to both frames (stage 2).

Conventions: frames are [0, 1] in `Inputs` and [-1, 1] in the networks; flow is (dx, dy) in pixels. Nothing is clamped
but the event counts.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int16
from torch import Tensor, nn

from evfi.errors import UserError
from evfi.models.wevi.correction import Corrected, Correction
from evfi.models.wevi.inputs import Inputs
from evfi.models.wevi.manifest import WeviOptions
from evfi.models.wevi.refinement import Refined, Refinement
from evfi.nn.splat import forward_splat

Image = Float[Tensor, "b 3 h w"]
COUNT_LIMIT = 10
_OFF_WEIGHTS = {"balanced": -1, "released": -3}


@dataclass(frozen=True, eq=False)
class Warping:
    """Both boundary frames carried forward to the target, in [-1, 1]."""

    warped0: Image
    warped1: Image


@dataclass(frozen=True, eq=False)
class Outputs:
    """Everything on the way to the frame (`refined.frame`), in [-1, 1]."""

    warping: Warping
    corrected: Corrected
    refined: Refined


class Wevi(nn.Module):
    """Both stages and the way through them. They are trained one by one, so each step has its own method."""

    def __init__(self, options: WeviOptions) -> None:
        super().__init__()
        exact = options.reference_exact
        self.options = options
        padding = "zeros" if exact else "replicate"
        self.correction = Correction(options.base_channels, padding, restores_contrast=not exact)
        self.refinement = Refinement(options.base_channels, overlap="constant" if exact else "counted")

    def forward(self, inputs: Inputs) -> Outputs:
        """The frame at the target with all its intermediates."""
        warping = self.warped(inputs)
        corrected = self.corrected(inputs, warping)
        return Outputs(warping, corrected, self.refined(inputs, corrected))

    def warped(self, inputs: Inputs) -> Warping:
        """Both frames by average splatting.

        A hole is 0 (mid-gray) where the source is followed exactly; else it shows the other warped frame, and where
        that has a hole, too, the mean of both frames at that place.
        """
        frame0, frame1 = signed(inputs.frame0), signed(inputs.frame1)
        side0 = forward_splat(frame0, inputs.flow_0_to_t)
        side1 = forward_splat(frame1, inputs.flow_1_to_t)
        if self.options.reference_exact:
            return Warping(side0.image, side1.image)
        unmoved = (frame0 + frame1) / 2
        return Warping(
            torch.where(side0.covered, side0.image, torch.where(side1.covered, side1.image, unmoved)),
            torch.where(side1.covered, side1.image, torch.where(side0.covered, side0.image, unmoved)),
        )

    def corrected(self, inputs: Inputs, warping: Warping) -> Corrected:
        """Stage 1."""
        return self.correction(warping.warped0, warping.warped1, self._events(inputs.counts_t))

    def refined(self, inputs: Inputs, corrected: Corrected) -> Refined:
        """Stage 2.

        Raises:
            UserError: the inputs were prepared for stage 1 alone.
        """
        if inputs.counts0 is None or inputs.counts1 is None:
            raise UserError("WEVI's refinement needs the events around both boundary frames; these inputs have none")
        return self.refinement(
            signed(inputs.frame0),
            signed(inputs.frame1),
            self._events(inputs.counts0),
            self._events(inputs.counts_t),
            self._events(inputs.counts1),
            corrected,
        )

    def _events(self, counts: Int16[Tensor, "b 2 8 h w"]) -> Float[Tensor, "b 8 h w"]:
        off, on = counts.float().unbind(1)
        return (on + _OFF_WEIGHTS[self.options.polarity] * off).clamp(-COUNT_LIMIT, COUNT_LIMIT)


def build(options: WeviOptions) -> Wevi:
    """A WEVI with fresh weights from torch's global generator."""
    return Wevi(options)


def signed(frame: Tensor) -> Tensor:
    """[0, 1] to [-1, 1]."""
    return 2 * frame - 1


def unsigned(frame: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]."""
    return (frame + 1) / 2

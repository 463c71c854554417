"""TimeLens: four hourglasses, from boundary frames and events to the frame at tau (figure 2 of the paper).

Conventions: flow is (dx, dy) in pixels wherever this project shows it; the networks themselves speak (dy, dx), as the
published weights do, and `_exchanged` stands at each of their doors. Channel orders at the inputs are those of
specs/timelens.md. Nothing is clamped here.
"""

from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor, nn

from evfi.errors import UserError
from evfi.models.timelens.inputs import BINS, Inputs
from evfi.models.timelens.manifest import TimeLensOptions
from evfi.nn.hourglass import Hourglass
from evfi.nn.warp import Warped, backward_warp

Image = Float[Tensor, "b 3 h w"]
Flow = Float[Tensor, "b 2 h w"]


@dataclass(frozen=True, eq=False)
class Warping:
    """Both boundary frames carried to tau; flow_i points from the frame at tau into frame i."""

    flow0: Flow
    flow1: Flow
    warped0: Warped
    warped1: Warped


@dataclass(frozen=True, eq=False)
class Refinement:
    """The warped frames, warped once more by residual flows."""

    residual0: Flow
    residual1: Flow
    refined0: Warped
    refined1: Warped


@dataclass(frozen=True, eq=False)
class Attention:
    """The weighted sum of three candidates; weights add up to 1, in the order refined0, refined1, synthesised.

    With the option `flow_candidate` a fourth follows: the frame of the boundary frames' optical flow.
    """

    weights: Float[Tensor, "b candidates h w"]
    frame: Image


@dataclass(frozen=True, eq=False)
class Outputs:
    """Everything on the way to the frame (`attention.frame`)."""

    synthesised: Image
    warping: Warping
    refinement: Refinement
    attention: Attention


class TimeLens(nn.Module):
    """The four modules and the way through them. Modules are trained one by one, so each step has its own method."""

    def __init__(self, options: TimeLensOptions) -> None:
        super().__init__()
        width = options.base_width
        self.options = options
        self.synthesis = Hourglass(2 * BINS + 2 * 3, 3, width)
        self.warp = Hourglass(BINS, 2, width)
        self.refinement = Hourglass(3 * 3, 2 * 2, width)
        candidates = 4 if options.flow_candidate else 3
        self.attention = Hourglass(2 * 2 + 3 * candidates + 1, candidates, width)

    def forward(self, inputs: Inputs) -> Outputs:
        """The frame at tau with all its intermediates, in the variant of the options."""
        synthesised = self.synthesised(inputs)
        warping = self.warped(inputs)
        refinement = self.refined(warping, synthesised)
        exchange = self.options.variant == "released_fast"
        return Outputs(
            synthesised=synthesised,
            warping=warping,
            refinement=refinement,
            attention=self.attended(inputs, warping, refinement, synthesised, exchange=exchange),
        )

    def synthesised(self, inputs: Inputs) -> Image:
        """The frame at tau from events and frames directly."""
        parts = (inputs.voxel_0_to_tau, inputs.frame0, inputs.voxel_tau_to_1, inputs.frame1)
        return self.synthesis(torch.cat(parts, dim=1))

    def warped(self, inputs: Inputs) -> Warping:
        """Both boundary frames by the flow that the events tell; one network, both sides in one batch."""
        flows = self.warp(torch.cat((inputs.voxel_tau_to_0, inputs.voxel_tau_to_1)))
        flow0, flow1 = _exchanged(flows).chunk(2)
        return Warping(
            flow0=flow0,
            flow1=flow1,
            warped0=backward_warp(inputs.frame0, flow0),
            warped1=backward_warp(inputs.frame1, flow1),
        )

    def refined(self, warping: Warping, synthesised: Image) -> Refinement:
        """The already warped frames, warped again by a residual flow that sees the synthesised frame."""
        warped0, warped1 = warping.warped0.image, warping.warped1.image
        residuals = self.refinement(torch.cat((warped1, warped0, synthesised), dim=1))
        residual1, residual0 = (_exchanged(residual) for residual in residuals.split(2, dim=1))
        return Refinement(
            residual0=residual0,
            residual1=residual1,
            refined0=backward_warp(warped0, residual0),
            refined1=backward_warp(warped1, residual1),
        )

    def attended(
        self,
        inputs: Inputs,
        warping: Warping,
        refinement: Refinement,
        synthesised: Image,
        *,
        exchange: bool = False,
    ) -> Attention:
        """The candidates blended pixel by pixel; `exchange` swaps the refined frames ("released_fast")."""
        refined0, refined1 = refinement.refined0.image, refinement.refined1.image
        if exchange:
            refined0, refined1 = refined1, refined0
        tau = inputs.tau.view(-1, 1, 1, 1).expand(-1, 1, *synthesised.shape[-2:])
        flow0, flow1 = _exchanged(warping.flow0), _exchanged(warping.flow1)
        seen, candidates = (flow1, refined1, flow0, refined0, synthesised, tau), (refined0, refined1, synthesised)
        if self.options.flow_candidate:
            if inputs.flow_frame is None:
                raise UserError("attention has the frame of optical flow as a candidate; these samples have none")
            seen, candidates = (*seen, inputs.flow_frame), (*candidates, inputs.flow_frame)
        weights = self.attention(torch.cat(seen, dim=1)).softmax(dim=1)
        weighted = [weight * image for weight, image in zip(weights.split(1, dim=1), candidates, strict=True)]
        return Attention(weights=weights, frame=reduce(torch.add, weighted))


def build(options: TimeLensOptions) -> TimeLens:
    """A TimeLens with fresh weights from torch's global generator."""
    return TimeLens(options)


def _exchanged(flow: Flow) -> Flow:
    """(dy, dx) of the networks to (dx, dy) of the project, and back."""
    return flow.flip(1)

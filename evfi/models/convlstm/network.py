"""Four frames to the frame in the middle: the average of the middle two, plus a residual, plus a second one.

Values are in [-1, 1] and RGB; nothing is clamped here. Suzuki and Ikehara, IEEE Access 8 (2020); specs/convlstm.md.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from evfi.models.convlstm.manifest import ConvLSTMOptions
from evfi.models.convlstm.recurrent import ConvLSTM
from evfi.models.convlstm.refinement import Refinement
from evfi.models.convlstm.synthesis import Synthesis

Image = Float[Tensor, "b 3 h w"]


@dataclass(frozen=True, eq=False)
class Outputs:
    """The coarse frame and the refined one, unclamped."""

    synthesised: Image
    refined: Image


class ConvLSTMInterpolation(nn.Module):
    """Evenly spaced frames (B, 4, 3, H, W) to the frame between the second and the third."""

    def __init__(self, options: ConvLSTMOptions) -> None:
        super().__init__()
        self.options = options
        self.synthesis = Synthesis(options)
        self.refinement = Refinement(options)
        if not options.reference_exact:
            _initialise(self, options)

    def forward(self, frames: Float[Tensor, "b 4 3 h w"]) -> Outputs:
        left, right = frames[:, 1], frames[:, 2]
        synthesised = (left + right) / 2 + self.synthesis(frames)
        return Outputs(synthesised=synthesised, refined=synthesised + self.refinement(synthesised, left, right))


def build(options: ConvLSTMOptions) -> ConvLSTMInterpolation:
    """A network with fresh weights from torch's global generator."""
    return ConvLSTMInterpolation(options)


def _initialise(model: ConvLSTMInterpolation, options: ConvLSTMOptions) -> None:
    """Over torch's default: open forget gates, and last convolutions of zeros, which predict the plain average."""
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, ConvLSTM):
                forget = slice(layer.hidden_channels, 2 * layer.hidden_channels)
                layer.gates.get_parameter("bias")[forget] = options.forget_bias
        if options.zero_init_last:
            for last in (model.synthesis.tail[-1], model.refinement.conv_out):
                for parameter in last.parameters():
                    parameter.zero_()

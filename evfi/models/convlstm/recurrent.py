"""The ConvLSTM layer, without peepholes unless asked for, and its plain twin.

Gates stand in the order i, f, g, o along the channels of one convolution of [x_t ; h_(t-1)] (specs/convlstm.md,
section 2; Shi et al. 2015 for the peepholes). States start at zero; a layer returns the hidden state of every step.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from evfi.models.convlstm.recurrence import Recurrence

Sequence = Float[Tensor, "b t c h w"]
Hidden = Float[Tensor, "b t d h w"]


class ConvLSTM(nn.Module):
    """A sequence (B, T, in_channels, H, W) to the hidden states (B, T, hidden_channels, H, W), all in (-1, 1).

    The input's part of all gates is computed at once for every step; only the hidden state's part waits for the step
    before it, and the first step, whose state is zero, does without. In memory the steps of all sequences lie together
    (time first), so that each step is a whole piece; `in_time_order` gives such a view of a folded batch.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        kernel_size: int = 3,
        *,
        peephole: bool = False,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels, self.hidden_channels = in_channels, hidden_channels
        self.bidirectional = bidirectional
        # One convolution, so that its initial weights see the fan-in of both parts.
        self.gates = nn.Conv2d(
            in_channels + hidden_channels, 4 * hidden_channels, kernel_size, padding=kernel_size // 2
        )
        # i and f see the cell state before the step, o the one after it.
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_channels, 1, 1)) if peephole else None

    def forward(self, sequence: Sequence) -> Hidden:
        length, images = sequence.shape[1], folded(sequence)
        hidden = self._states(images, length)
        if self.bidirectional:
            other = self._states(_reversed(images, length), length)
            hidden = (hidden + _reversed(other, length)) / 2
        return in_time_order(hidden, length)

    def _states(self, images: Tensor, length: int) -> Tensor:
        dtype = images.dtype
        if torch.is_autocast_enabled(images.device.type):
            dtype = torch.get_autocast_dtype(images.device.type)
        weight, bias = self.gates.weight.to(dtype), self.gates.get_parameter("bias").to(dtype)
        peepholes = None if self.peepholes is None else self.peepholes.to(dtype)
        with torch.autocast(images.device.type, enabled=False):
            return Recurrence.apply(images.to(dtype), weight, bias, peepholes, length, torch.is_grad_enabled())


def folded(sequence: Sequence) -> Float[Tensor, "n c h w"]:
    """Time in the batch, all first steps first; without a copy where memory has that order."""
    return sequence.transpose(0, 1).flatten(0, 1)


def in_time_order(images: Float[Tensor, "n c h w"], length: int) -> Sequence:
    """What was folded, as sequences of that length again; a view."""
    return images.unflatten(0, (length, -1)).transpose(0, 1)


def _reversed(images: Float[Tensor, "n c h w"], length: int) -> Float[Tensor, "n c h w"]:
    return torch.cat(images.chunk(length)[::-1])


def plain_states(layer: ConvLSTM, sequence: Sequence) -> Hidden:
    """What `layer(sequence)` gives, step by step by the equations: states of zeros, one convolution of [x_t ; h]."""
    forwards = _plain_direction(layer, sequence)
    if not layer.bidirectional:
        return forwards
    return (forwards + _plain_direction(layer, sequence.flip(1)).flip(1)) / 2


def _plain_direction(layer: ConvLSTM, sequence: Sequence) -> Hidden:
    batch, _, _, height, width = sequence.shape
    hidden = cell = sequence.new_zeros(batch, layer.hidden_channels, height, width)
    states = []
    for x in sequence.unbind(1):
        a_i, a_f, a_g, a_o = layer.gates(torch.cat((x, hidden), dim=1)).chunk(4, dim=1)
        if layer.peepholes is not None:
            a_i, a_f = a_i + layer.peepholes[0] * cell, a_f + layer.peepholes[1] * cell
        cell = torch.sigmoid(a_f) * cell + torch.sigmoid(a_i) * torch.tanh(a_g)
        if layer.peepholes is not None:
            a_o = a_o + layer.peepholes[2] * cell
        hidden = torch.sigmoid(a_o) * torch.tanh(cell)
        states.append(hidden)
    return torch.stack(states, dim=1)

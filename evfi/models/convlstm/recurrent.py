"""The ConvLSTM layer, without peepholes unless asked for, and its plain twin.

Gates stand in the order i, f, g, o along the channels of one convolution of [x_t ; h_(t-1)] (specs/convlstm.md,
section 2; Shi et al. 2015 for the peepholes). States start at zero; a layer returns the hidden state of every step.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

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
        # Copied once: a slice of the weights would be made contiguous again at every step.
        of_input, of_state = (
            part.clone() for part in self.gates.weight.split((self.in_channels, self.hidden_channels), dim=1)
        )
        from_input = F.conv2d(folded(sequence), of_input, self.gates.bias, padding=self._padding)
        steps = from_input.chunk(sequence.shape[1])
        hidden = torch.cat(self._states(steps, of_state))
        if self.bidirectional:
            hidden = (hidden + torch.cat(self._states(steps[::-1], of_state)[::-1])) / 2
        return in_time_order(hidden, sequence.shape[1])

    def _states(self, steps: tuple[Tensor, ...], of_state: Tensor) -> list[Tensor]:
        """Hidden states of all steps, from the input's part of their gates."""
        hidden = cell = None
        states = []
        for from_input in steps:
            gates = from_input if hidden is None else from_input + F.conv2d(hidden, of_state, padding=self._padding)
            hidden, cell = self._updated(gates, cell)
            states.append(hidden)
        return states

    def _updated(self, gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
        """Hidden and cell state after a step; no cell state before it means zero."""
        at_input, at_forget, at_candidate, at_output = gates.chunk(4, dim=1)
        if self.peepholes is not None and cell is not None:
            at_input, at_forget = at_input + self.peepholes[0] * cell, at_forget + self.peepholes[1] * cell
        entering = at_input.sigmoid() * at_candidate.tanh()
        cell = entering if cell is None else at_forget.sigmoid() * cell + entering
        if self.peepholes is not None:
            at_output = at_output + self.peepholes[2] * cell
        return at_output.sigmoid() * cell.tanh(), cell

    @property
    def _padding(self) -> int:
        return self.gates.kernel_size[0] // 2


def folded(sequence: Sequence) -> Float[Tensor, "n c h w"]:
    """Time in the batch, all first steps first; without a copy where memory has that order."""
    return sequence.transpose(0, 1).flatten(0, 1)


def in_time_order(images: Float[Tensor, "n c h w"], length: int) -> Sequence:
    """What was folded, as sequences of that length again; a view."""
    return images.unflatten(0, (length, -1)).transpose(0, 1)


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

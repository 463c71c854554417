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
    before it, and the first step, whose state is zero, does without.
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
        from_input = F.conv2d(
            sequence.flatten(0, 1), self.gates.weight[:, : self.in_channels], self.gates.bias, padding=self._padding
        )
        steps = from_input.unflatten(0, sequence.shape[:2]).unbind(1)
        hidden = torch.stack(self._states(steps), dim=1)
        if not self.bidirectional:
            return hidden
        return (hidden + torch.stack(self._states(steps[::-1])[::-1], dim=1)) / 2

    def _states(self, steps: tuple[Tensor, ...]) -> list[Tensor]:
        """Hidden states of all steps, from the input's part of their gates."""
        of_state = self.gates.weight[:, self.in_channels :]
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


def plain_states(layer: ConvLSTM, sequence: Sequence) -> Hidden:
    """What `layer(sequence)` gives, step by step by the equations: states of zeros, one convolution of [x_t ; h]."""
    forwards = _plain_direction(layer, sequence)
    if not layer.bidirectional:
        return forwards
    return (forwards + _plain_direction(layer, sequence.flip(1)).flip(1)) / 2


def _plain_direction(layer: ConvLSTM, sequence: Sequence) -> Hidden:
    batch, _, _, height, width = sequence.shape
    hidden = cell = sequence.new_zeros(batch, layer.hidden_channels, height, width)
    w_i, w_f, w_o = (0.0, 0.0, 0.0) if layer.peepholes is None else layer.peepholes
    states = []
    for x in sequence.unbind(1):
        a_i, a_f, a_g, a_o = layer.gates(torch.cat((x, hidden), dim=1)).chunk(4, dim=1)
        i, f, g = torch.sigmoid(a_i + w_i * cell), torch.sigmoid(a_f + w_f * cell), torch.tanh(a_g)
        cell = f * cell + i * g
        hidden = torch.sigmoid(a_o + w_o * cell) * torch.tanh(cell)
        states.append(hidden)
    return torch.stack(states, dim=1)

"""All steps of a ConvLSTM in one differentiable piece, with its gradients written out.

With channels last a gate is a few numbers of each pixel, and operations on it walk pixel by pixel, which took a CPU
longer than the convolutions. Here the gates are copied apart once a step, and the weights' gradients come from all
steps at once. `plain_states` (recurrent.py) is the plain twin; equations: specs/convlstm.md, section 2.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

# Floats in a vector of the processor: fewer channels cost as much, so that the gradients of input and state are taken
# together where both fit in one.
_LANES = 16


class Step(NamedTuple):
    """What the gradients of a step look at."""

    gates: Tensor  # i, f, g, o after their activations: (4, B, H, W, D)
    cell: Tensor  # (B, D, H, W)
    squashed: Tensor  # tanh of the cell

    @property
    def hidden(self) -> Tensor:
        """The hidden state (B, D, H, W), which the caller may change in place and is therefore not kept."""
        return _by_gate(self.gates)[3] * self.squashed


class Recurrence(torch.autograd.Function):
    """Images of all steps (T*B, C, H, W), all first steps first, to the hidden states (T*B, D, H, W).

    Its arguments are the images, the weight (4D, C+D, k, k), the bias (4D), the peepholes (3, D, 1, 1) or None, the
    number of steps, and whether gradients may be asked for (nothing is kept for them otherwise).
    """

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, peepholes: Tensor | None, length: int, keep: bool
    ) -> Tensor:
        of_input, of_state = _parts(weight, images.shape[1])
        padding = weight.shape[-1] // 2
        # For every step at once: only the state's part waits for the step before.
        pieces = F.conv2d(images, of_input, bias, padding=padding).chunk(length)
        steps: list[Step] = []
        states: list[Tensor] = []
        cell = None
        for piece in pieces:
            gates = piece.add_(F.conv2d(states[-1], of_state, padding=padding)) if states else piece
            step = _advanced(gates, cell, peepholes)
            cell = step.cell
            states.append(step.hidden)
            if keep:
                steps.append(step)
        if keep:
            ctx.save_for_backward(images, weight, peepholes, *(tensor for step in steps for tensor in step))
            ctx.length = length
        return torch.cat(states)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        images, weight, peepholes, *kept = ctx.saved_tensors
        steps = [Step(*kept[start : start + 3]) for start in range(0, len(kept), 3)]
        to_peepholes = None if peepholes is None else torch.zeros_like(peepholes)
        together = ctx.needs_input_grad[0] and weight.shape[1] <= _LANES
        to_images = torch.empty_like(images) if together else None
        of_input, of_state = _parts(weight, images.shape[1])
        of_gates = _through_time(grads[0], steps, weight if together else of_state, peepholes, to_images, to_peepholes)
        one = images.shape[0] // ctx.length
        missing = ctx.needs_input_grad[0] and not together
        found, to_input, to_bias = _convolution_gradients(of_gates, images, of_input, (missing, True, True))
        to_state = torch.zeros_like(of_state)
        if ctx.length > 1:  # each step's gates saw the state of the step before
            seen = torch.cat([step.hidden for step in steps[:-1]])
            to_state = _convolution_gradients(of_gates[one:], seen, of_state, (False, True, False))[1]
        to_weight = torch.cat((to_input, to_state), dim=1)
        return (found if missing else to_images), to_weight, to_bias, to_peepholes, None, None


def _advanced(gates: Tensor, cell: Tensor | None, peepholes: Tensor | None) -> Step:
    """The step after a cell state; None before the first, which means zero."""
    by_pixel = gates.permute(0, 2, 3, 1).unflatten(3, (4, -1))
    apart = by_pixel.permute(3, 0, 1, 2, 4).clone(memory_format=torch.contiguous_format)
    at_input, at_forget, at_candidate, at_output = _by_gate(apart)
    if peepholes is not None and cell is not None:
        at_input.addcmul_(peepholes[0], cell)
        at_forget.addcmul_(peepholes[1], cell)
    apart[:2].sigmoid_()
    apart[2].tanh_()
    entering = at_input * at_candidate
    cell = entering if cell is None else torch.addcmul(entering, at_forget, cell)
    if peepholes is not None:
        at_output.addcmul_(peepholes[2], cell)
    apart[3].sigmoid_()
    return Step(apart, cell, cell.tanh())


def _through_time(
    wanted: Tensor,
    steps: list[Step],
    weight: Tensor,
    peepholes: Tensor | None,
    to_images: Tensor | None,
    to_peepholes: Tensor | None,
) -> Tensor:
    """Gradients of all gates before their activations (T*B, 4D, H, W), from those `wanted` of the hidden states.

    Gradients of the images are written, and those of the peepholes added, where they are asked for.

    Args:
        weight: its part for the state; where images are asked for, the whole.
    """
    length, (_, hidden_channels, *_) = len(steps), steps[0].cell.shape
    of_gates = _channels_last(wanted, wanted.shape[0], 4 * hidden_channels)
    # [x_t ; h_(t-1)] or h_(t-1): for its gradient only the shape matters.
    seen = _channels_last(wanted, wanted.shape[0] // length, weight.shape[1])
    apart = torch.empty_like(steps[0].gates)
    of_seen = of_cell = None
    for place in range(length)[::-1]:
        before = steps[place - 1].cell if place else None
        of_hidden = wanted.chunk(length)[place]
        if of_seen is not None:
            of_hidden = of_hidden + of_seen[:, -hidden_channels:]
        of_cell = _gate_gradients(steps[place], before, of_hidden, of_cell, apart, peepholes, to_peepholes)
        of_own = of_gates.chunk(length)[place]
        torch.cat(_by_gate(apart).unbind(), dim=1, out=of_own)
        if place or to_images is not None:
            of_seen = _convolution_gradients(of_own, seen, weight, (True, False, False))[0]
        if of_seen is not None and to_images is not None:
            to_images.chunk(length)[place].copy_(of_seen[:, :-hidden_channels])
    return of_gates


def _gate_gradients(
    step: Step,
    before: Tensor | None,
    of_hidden: Tensor,
    of_cell: Tensor | None,
    apart: Tensor,
    peepholes: Tensor | None,
    to_peepholes: Tensor | None,
) -> Tensor | None:
    """Write the gradients of a step's gates into `apart`; give that of the cell `before`, None where there was none."""
    at_input, at_forget, at_candidate, at_output = _by_gate(step.gates)
    to_input, to_forget, to_candidate, to_output = _by_gate(apart)
    _through_sigmoid(of_hidden * step.squashed, at_output, grad_input=to_output)
    own: Tensor = torch.ops.aten.tanh_backward(of_hidden * at_output, step.squashed)
    of_cell = own if of_cell is None else own.add_(of_cell)
    if peepholes is not None and to_peepholes is not None:
        of_cell.addcmul_(peepholes[2], to_output)
        to_peepholes[2] += _over_pixels(to_output * step.cell)
    _through_sigmoid(of_cell * at_candidate, at_input, grad_input=to_input)
    _through_tanh(of_cell * at_input, at_candidate, grad_input=to_candidate)
    if before is None:
        to_forget.zero_()
        return None
    _through_sigmoid(of_cell * before, at_forget, grad_input=to_forget)
    of_before = of_cell * at_forget
    if peepholes is not None and to_peepholes is not None:
        for place, found in enumerate((to_input, to_forget)):
            of_before.addcmul_(peepholes[place], found)
            to_peepholes[place] += _over_pixels(found * before)
    return of_before


_through_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
_through_tanh = torch.ops.aten.tanh_backward.grad_input


def _convolution_gradients(of_output: Tensor, images: Tensor, weight: Tensor, asked: tuple[bool, bool, bool]) -> Any:
    """Gradients of a convolution's images, weight and bias, None for each that is not asked."""
    padding = [weight.shape[-1] // 2] * 2
    return torch.ops.aten.convolution_backward(
        of_output, images, weight, [weight.shape[0]], [1, 1], padding, [1, 1], False, [0, 0], 1, asked
    )


def _parts(weight: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """The weight's part for the input and that for the state, each in one piece of memory."""
    of_input, of_state = weight.tensor_split((channels,), dim=1)
    return of_input.clone(memory_format=torch.channels_last), of_state.clone(memory_format=torch.channels_last)


def _by_gate(apart: Tensor) -> Tensor:
    """(4, B, H, W, D) as (4, B, D, H, W); a view."""
    return apart.permute(0, 1, 4, 2, 3)


def _channels_last(like: Tensor, count: int, channels: int) -> Tensor:
    """Memory for that many images of the same size, dtype and device."""
    size = (count, channels, *like.shape[2:])
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _over_pixels(image: Tensor) -> Tensor:
    return image.sum(dim=(0, 2, 3)).reshape(-1, 1, 1)

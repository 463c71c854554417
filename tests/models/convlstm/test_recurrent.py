from itertools import product

import pytest
import torch
from torch import Tensor

from evfi.models.convlstm.recurrent import ConvLSTM, plain_states


def layer_of(
    *, hidden: int = 7, peephole: bool = False, bidirectional: bool = False, dtype: torch.dtype = torch.float32
) -> ConvLSTM:
    torch.manual_seed(0)
    layer = ConvLSTM(5, hidden, peephole=peephole, bidirectional=bidirectional).to(dtype)
    if layer.peepholes is not None:
        torch.nn.init.normal_(layer.peepholes)
    return layer


def sequence_of(length: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, length, 5, 9, 6, dtype=dtype, generator=torch.Generator().manual_seed(1))


# 5 + 7 channels take one convolution for the gradients of input and state, 5 + 13 two.
@pytest.mark.parametrize(
    ("hidden", "peephole", "bidirectional", "length"),
    [*product([7, 13], [False, True], [False, True], [4]), (7, True, False, 1), (13, False, False, 2)],
)
def test_hoisted_evaluation_is_the_naive_cell_with_its_gradients(
    hidden: int, peephole: bool, bidirectional: bool, length: int
) -> None:
    layer = layer_of(hidden=hidden, peephole=peephole, bidirectional=bidirectional, dtype=torch.float64)
    grads: list[list[Tensor]] = []
    states: list[Tensor] = []
    for evaluate in (layer, lambda sequence: plain_states(layer, sequence)):
        sequence = sequence_of(length, dtype=torch.float64).requires_grad_()
        states.append(evaluate(sequence))
        # Another weight for each state: equal ones would hide gradients in the wrong order.
        weights = torch.linspace(-1, 2, states[-1].numel(), dtype=torch.float64).reshape(states[-1].shape)
        grads.append([*torch.autograd.grad((states[-1] * weights).sum(), [sequence, *layer.parameters()])])
    torch.testing.assert_close(states[0], states[1])
    for fast, plain in zip(*grads, strict=True):
        torch.testing.assert_close(fast, plain)


@pytest.mark.parametrize("hidden", [7, 13])
def test_gradients_of_the_weights_are_the_same_when_the_images_want_none(hidden: int) -> None:
    layer, sequence = layer_of(hidden=hidden, dtype=torch.float64), sequence_of(dtype=torch.float64)
    alone = torch.autograd.grad(layer(sequence).square().sum(), [*layer.parameters()])
    both = torch.autograd.grad(layer(sequence.requires_grad_()).square().sum(), [*layer.parameters()])
    for without, with_images in zip(alone, both, strict=True):
        torch.testing.assert_close(without, with_images)


def test_under_bf16_autocast_states_and_gradients_are_near_those_of_float32() -> None:
    layer, sequence = layer_of(), sequence_of()
    with torch.autocast("cpu", torch.bfloat16):
        states = layer(sequence)
    assert states.dtype == torch.bfloat16
    torch.testing.assert_close(states.float(), layer(sequence), rtol=0, atol=0.02)
    (near,) = torch.autograd.grad(states.float().square().sum(), [layer.gates.weight])
    (exact,) = torch.autograd.grad(layer(sequence).square().sum(), [layer.gates.weight])
    assert near.dtype == torch.float32
    assert (near - exact).norm() <= 0.02 * exact.norm()


def test_states_may_be_changed_in_place_before_the_gradients_are_taken() -> None:
    layer, sequence = layer_of(), sequence_of()
    changed = torch.autograd.grad(layer(sequence).relu_().sum(), [*layer.parameters()])
    copied = torch.autograd.grad(layer(sequence).relu().sum(), [*layer.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(changed, copied, strict=True))


def test_without_gradients_nothing_is_kept_for_them() -> None:
    layer, sequence = layer_of(), sequence_of()
    with torch.no_grad():
        states = layer(sequence)
    assert states.grad_fn is None
    assert torch.equal(states, layer(sequence))


def test_hoisted_evaluation_is_the_naive_cell_in_float32() -> None:
    layer = layer_of()
    torch.testing.assert_close(layer(sequence_of()), plain_states(layer, sequence_of()), rtol=1e-5, atol=1e-6)


def test_a_single_step_has_no_forget_gate() -> None:
    layer, sequence = layer_of(), sequence_of(1)
    joined = torch.cat((sequence[:, 0], torch.zeros(2, 7, 9, 6)), dim=1)
    a_i, _, a_g, a_o = layer.gates(joined).chunk(4, dim=1)
    expected = a_o.sigmoid() * (a_i.sigmoid() * a_g.tanh()).tanh()
    torch.testing.assert_close(layer(sequence)[:, 0], expected)


def test_the_layer_is_causal() -> None:
    layer, sequence = layer_of(), sequence_of()
    changed = sequence.clone()
    changed[:, 3] += 1
    before, after = layer(sequence), layer(changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


def test_later_states_depend_on_the_first_frame() -> None:
    layer, sequence = layer_of(), sequence_of()
    changed = sequence.clone()
    changed[:, 0] += 1
    assert not torch.allclose(layer(sequence)[:, 3], layer(changed)[:, 3])


def test_a_bidirectional_layer_sees_time_from_both_ends() -> None:
    layer, sequence = layer_of(bidirectional=True), sequence_of()
    torch.testing.assert_close(layer(sequence.flip(1)).flip(1), layer(sequence))


def test_fresh_peepholes_change_nothing() -> None:
    torch.manual_seed(0)
    without = ConvLSTM(5, 7)
    torch.manual_seed(0)
    fresh = ConvLSTM(5, 7, peephole=True)
    torch.testing.assert_close(fresh(sequence_of()), without(sequence_of()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float32])
def test_states_have_the_dtype_of_the_sequence(dtype: torch.dtype) -> None:
    assert layer_of(dtype=dtype)(sequence_of(dtype=dtype)).dtype == dtype


def test_nothing_is_kept_between_calls() -> None:
    layer, sequence = layer_of(), sequence_of()
    assert torch.equal(layer(sequence), layer(sequence))
    assert [*layer.buffers()] == []


@pytest.mark.gpu
def test_a_gpu_gives_the_states_and_gradients_of_the_processor() -> None:
    found: list[list[Tensor]] = []
    for device in ("cpu", "cuda"):
        layer = layer_of(peephole=True, dtype=torch.float64).to(device)
        sequence = sequence_of(dtype=torch.float64).to(device).requires_grad_()
        states = layer(sequence)
        grads = torch.autograd.grad(states.square().sum(), [sequence, *layer.parameters()])
        found.append([tensor.cpu() for tensor in (states, *grads)])
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(there, here)

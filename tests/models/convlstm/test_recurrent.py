from itertools import product

import pytest
import torch
from torch import Tensor

from evfi.models.convlstm.recurrent import ConvLSTM, plain_states


def layer_of(*, peephole: bool = False, bidirectional: bool = False, dtype: torch.dtype = torch.float32) -> ConvLSTM:
    torch.manual_seed(0)
    layer = ConvLSTM(5, 7, peephole=peephole, bidirectional=bidirectional).to(dtype)
    if layer.peepholes is not None:
        torch.nn.init.normal_(layer.peepholes)
    return layer


def sequence_of(length: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, length, 5, 9, 6, dtype=dtype, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("peephole", "bidirectional"), [*product([False, True], repeat=2)])
def test_hoisted_evaluation_is_the_naive_cell_with_its_gradients(peephole: bool, bidirectional: bool) -> None:
    layer = layer_of(peephole=peephole, bidirectional=bidirectional, dtype=torch.float64)
    grads: list[list[Tensor]] = []
    states: list[Tensor] = []
    for evaluate in (layer, lambda sequence: plain_states(layer, sequence)):
        sequence = sequence_of(dtype=torch.float64).requires_grad_()
        states.append(evaluate(sequence))
        grads.append([*torch.autograd.grad(states[-1].square().sum(), [sequence, *layer.parameters()])])
    torch.testing.assert_close(states[0], states[1])
    for fast, plain in zip(*grads, strict=True):
        torch.testing.assert_close(fast, plain)


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

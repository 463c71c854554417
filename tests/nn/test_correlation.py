import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from evfi.nn.correlation import local_correlation


def plain_correlation(first: Tensor, second: Tensor, radius: int) -> Tensor:
    """All shifted copies at once: unfold the second map and multiply."""
    batch, channels, height, width = first.shape
    side = 2 * radius + 1
    shifted = functional.unfold(second, side, padding=radius).view(batch, channels, side * side, height, width)
    return (first[:, :, None] * shifted).sum(1)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(3, 9), st.integers(3, 9), st.integers(0, 1000))
def test_correlation_equals_the_unfolded_formulation(radius: int, height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 2, 5, height, width, generator=generator)
    assert torch.allclose(local_correlation(first, second, radius), plain_correlation(first, second, radius), atol=1e-5)


def test_displacements_run_down_first_then_across() -> None:
    first, second = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 5, 5)
    first[0, 0, 2, 2], second[0, 0, 1, 4] = 2, 3
    found = local_correlation(first, second, 2)
    v, u = -1, 2
    assert float(found[0, (v + 2) * 5 + (u + 2), 2, 2]) == 6
    assert float(found.abs().sum()) == 6


def test_gradients_equal_those_of_the_unfolded_formulation() -> None:
    first, second = torch.randn(2, 1, 3, 4, 6, requires_grad=True).unbind(0)
    weights = torch.randn(1, 9, 4, 6)
    ours = torch.autograd.grad((local_correlation(first, second, 1) * weights).sum(), (first, second))
    plain = torch.autograd.grad((plain_correlation(first, second, 1) * weights).sum(), (first, second))
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(ours, plain, strict=True))

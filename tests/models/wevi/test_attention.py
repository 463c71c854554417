"""The sub-pixel attention against the released one, and against the unfold formulation it replaces."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from evfi.models.wevi.attention import RADIUS, Attention, Overlap, fit_matrix, taps, transferred
from evfi.models.wevi.attention_plain import transferred_plain
from evfi.models.wevi.network import Wevi
from evfi.nn.correlation import local_correlation
from evfi.nn.warp import backward_warp
from tests.models.wevi.conftest import Vectors


def test_matching_and_transfer_are_those_of_the_released_network(reference: Wevi, vectors: Vectors) -> None:
    given = vectors("attention")
    attention = reference.refinement.attention
    match = attention(given["key_t4"], given["value_ref4"])
    assert torch.allclose(match.similarity, given["similarity"], atol=1e-5, rtol=0)
    assert torch.equal(match.hard, given["offset_hard_xy"])
    assert torch.allclose(match.sub, given["offset_sub_xy"], atol=1e-5, rtol=0)
    chosen = taps(match.flow, "constant")
    for scale, level in ((1, 4), (2, 2), (4, 1)):
        ours = transferred(given[f"value_ref{level}"], chosen, scale)
        assert torch.allclose(ours[:, :8], given[f"transfer{level}_first8"], atol=1e-5, rtol=0)


def test_matching_reads_the_released_cosines_alike(vectors: Vectors) -> None:
    given = vectors("attention")
    match = Attention(8, 8).matched(given["cosine_volume"])
    assert torch.equal(match.hard, given["offset_hard_xy"])
    assert torch.allclose(match.sub, given["offset_sub_xy"], atol=1e-5, rtol=0)


def test_the_fit_matrix_is_that_of_the_source(golden: Path) -> None:
    with np.load(golden / "wevi_fit_matrix.npz", allow_pickle=False) as stored:
        np.testing.assert_allclose(fit_matrix().numpy(), stored["matrix"], atol=1e-6)
        np.testing.assert_allclose(fit_matrix().numpy(), stored["matrix_regenerated"], atol=1e-6)


def test_the_fit_finds_the_minimum_of_a_quadratic() -> None:
    v, u = torch.meshgrid(torch.arange(-1.0, 2), torch.arange(-1.0, 2), indexing="ij")
    values = 3 * (u - 0.3) ** 2 + 2 * (v + 0.4) ** 2
    curve_u, curve_v, slope_u, slope_v, _ = fit_matrix() @ values.flatten()
    assert float(-slope_u / curve_u) == pytest.approx(0.3, abs=1e-4)
    assert float(-slope_v / curve_v) == pytest.approx(-0.4, abs=1e-4)


@pytest.mark.parametrize("overlap", ["constant", "counted"])
@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_gathered_cells_equal_the_unfold_formulation(overlap: Overlap, scale: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    value = torch.randn(2, 3, 6 * scale, 9 * scale, generator=generator)
    # Eighths of a cell, partly out of the map, never so near a whole cell that rounding could choose another one.
    flow = torch.randint(-40, 41, (2, 2, 6, 9), generator=generator) / 8 + 1 / 16
    ours = transferred(value, taps(flow, overlap), scale)
    assert torch.allclose(ours, transferred_plain(value, flow, scale, overlap), atol=1e-5)


@pytest.mark.parametrize("scale", [1, 4])
def test_gradients_equal_those_of_the_unfold_formulation(scale: int) -> None:
    value = torch.randn(1, 2, 5 * scale, 6 * scale, requires_grad=True)
    flow = (torch.randint(-16, 17, (1, 2, 5, 6)) / 8 + 1 / 16).requires_grad_()
    weights = torch.randn(1, 2, 5 * scale, 6 * scale)
    ours = torch.autograd.grad((transferred(value, taps(flow, "constant"), scale) * weights).sum(), (value, flow))
    plain = torch.autograd.grad((transferred_plain(value, flow, scale, "constant") * weights).sum(), (value, flow))
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(ours, plain, strict=True))


def test_a_flow_of_one_cell_copies_the_right_neighbour() -> None:
    value = torch.rand(1, 2, 24, 32)
    flow = torch.zeros(1, 2, 6, 8)
    flow[:, 0] = 1
    moved = transferred(value, taps(flow, "constant"), 4)
    expected = backward_warp(value, torch.tensor([4.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 24, 32)).image
    inner = (..., slice(4, -4), slice(4, -8))
    assert torch.allclose(moved[inner], expected[inner], atol=1e-5)


def test_dividing_by_nine_attenuates_the_border_and_counting_does_not() -> None:
    still = torch.zeros(1, 2, 4, 5)
    by_nine = transferred(torch.ones(1, 1, 4, 5), taps(still, "constant"), 1)
    assert float(by_nine[0, 0, 0, 0]) == pytest.approx(4 / 9)
    assert float(by_nine[0, 0, 0, 2]) == pytest.approx(2 / 3)
    assert float(by_nine[0, 0, 2, 2]) == pytest.approx(1)
    counted = transferred(torch.ones(1, 1, 4, 5), taps(still, "counted"), 1)
    assert torch.allclose(counted, torch.ones_like(counted))


def test_a_shifted_map_is_found_where_it_went() -> None:
    generator = torch.Generator().manual_seed(0)
    scene = torch.randn(1, 8, 20, 24, generator=generator)
    attention = Attention(8, 8).requires_grad_(False)
    # 2 cells to the right and 3 up: the query's (y, x) lies in the reference at (y + 3, x - 2).
    match = attention(scene[..., 3:15, 0:20], scene[..., 0:12, 2:22])
    inner = match.hard[0, :, 4:8, 4:16]
    assert inner[0].unique().tolist() == [-2]
    assert inner[1].unique().tolist() == [3]
    assert float(match.similarity[..., 4:8, 4:16].min()) > 0.999


def test_an_offset_beyond_the_window_is_never_read() -> None:
    cosines = torch.zeros(1, (2 * RADIUS + 1) ** 2, 2, 2)
    cosines[:, 0] = 1.0
    match = Attention(4, 4).matched(cosines)
    assert match.hard.unique().tolist() == [-RADIUS]
    assert match.sub.abs().max() <= 1


def test_cosines_outside_the_reference_are_zero() -> None:
    unit = functional.normalize(torch.rand(1, 4, 3, 3) + 0.1, dim=1)
    volume = local_correlation(unit, unit, RADIUS)
    assert float(volume[0, 0].abs().max()) == 0

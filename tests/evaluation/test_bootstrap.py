"""Draws of sets of targets: kept, made in blocks, and the sums over them."""

import numpy as np
import pytest

from evfi.evaluation import bootstrap
from evfi.evaluation.bootstrap import Draws, mean_per_frame, mean_per_sequence, resampling
from evfi.evaluation.cube import Cube, cubes_of_table
from evfi.evaluation.options import BootstrapOptions
from tests.evaluation.test_cube import table

OPTIONS = BootstrapOptions(samples=301)


@pytest.fixture
def cube() -> Cube:
    return cubes_of_table(table(targets=60))[0]


@pytest.mark.parametrize("fewest", [2, 99])
def test_draws_made_in_small_blocks_are_the_same_and_so_are_their_means(
    cube: Cube, monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    options = OPTIONS.replaced(min_sequences=fewest)
    found = []
    for cells in (1 << 17, 100, 1):
        monkeypatch.setattr(bootstrap, "_BLOCK_CELLS", cells)
        over = resampling(cube.targets, cube.everywhere, options, *cube.key)
        assert over.by_sequence == (fewest == 2)
        values = np.random.default_rng(0).normal(30, 3, len(over.sequence))
        counts = np.ones(len(values))
        means = mean_per_frame(values, counts, over.weights), mean_per_sequence(values, counts, over.weights, over)
        found.append((over.weights, *means))
    for other in found[1:]:
        for mine, yours in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(mine, yours)


def test_the_weights_of_a_draw_take_a_byte_each(cube: Cube) -> None:
    over = resampling(cube.targets, cube.everywhere, OPTIONS, *cube.key)
    assert over.weights.nbytes == over.weights.size == 301 * 7


def test_draws_are_kept_while_they_fit_and_made_again_as_they_were(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = Draws(OPTIONS)
    first, other = cube.everywhere, cube.everywhere[1:]
    kept = draws.of(cube.key, cube.targets, first)
    assert draws.of(cube.key, cube.targets, other) is not kept
    assert draws.of(cube.key, cube.targets, first.copy()) is kept
    monkeypatch.setattr(bootstrap, "_MOST_KEPT_BYTES", kept.nbytes)
    draws.of(cube.key, cube.targets, other)
    again = draws.of(cube.key, cube.targets, first)
    assert again is not kept
    np.testing.assert_array_equal(again.weights, kept.weights)
    np.testing.assert_array_equal(again.unit_of_target, kept.unit_of_target)

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.training.sampler import Draws, DrawsApart, StepBatches

counts = st.integers(1, 50)


@settings(deadline=None, derandomize=True)
@given(counts, st.integers(0, 5), st.integers(0, 4))
def test_each_epoch_runs_once_through_all_samples(count: int, seed: int, epoch: int) -> None:
    positions = np.arange(count, dtype=np.intp) * 3 + 7
    draws = Draws(positions, seed)
    drawn = [draws.position(draw) for draw in range(epoch * count, (epoch + 1) * count)]
    assert sorted(drawn) == list(positions)


def test_epochs_and_seeds_have_different_orders() -> None:
    positions = np.arange(100, dtype=np.intp)
    first, second = ([Draws(positions, 0).position(start + draw) for draw in range(100)] for start in (0, 100))
    other = [Draws(positions, 1).position(draw) for draw in range(100)]
    assert len({tuple(order) for order in (first, second, other, range(100))}) == 4


def test_a_draw_has_its_own_numbers_whatever_came_before() -> None:
    draws = Draws(np.arange(10, dtype=np.intp), 3)
    backwards = {draw: draws.generator(draw).random() for draw in range(20, -1, -1)}
    again = Draws(np.arange(10, dtype=np.intp), 3)
    assert all(again.generator(draw).random() == backwards[draw] for draw in range(21))
    assert len(set(backwards.values())) == 21


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 7))
def test_a_resumed_run_takes_the_batches_an_undisturbed_one_would(start: int, more: int, size: int) -> None:
    whole = list(StepBatches(0, start + more, size))
    resumed = StepBatches(start, start + more, size)
    assert list(resumed) == whole[start:]
    assert len(resumed) == more
    assert [draw for batch in whole for draw in batch] == list(range((start + more) * size))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=4), st.integers(1, 5), st.integers(0, 3), st.integers(0, 3))
def test_a_step_stays_in_one_group_and_a_round_takes_each_groups_batches(
    counts: list[int], batch: int, seed: int, rounds: int
) -> None:
    edges = np.cumsum([0, *counts])
    groups = [np.arange(first, last, dtype=np.intp) for first, last in pairwise(edges)]
    draws = DrawsApart(groups, seed, batch)
    steps = sum(-(-count // batch) for count in counts)
    taken: list[list[int]] = [[] for _ in counts]
    for step in range(rounds * steps, (rounds + 1) * steps):
        drawn = [draws.position(draw) for draw in range(step * batch, (step + 1) * batch)]
        (group,) = {int(np.searchsorted(edges, position, side="right")) - 1 for position in drawn}
        taken[group] += drawn
    assert [len(own) for own in taken] == [-(-count // batch) * batch for count in counts]
    if rounds == 0:
        assert all(set(own) == set(group) for own, group in zip(taken, groups, strict=True))


def test_an_empty_training_set_is_refused() -> None:
    with pytest.raises(UserError, match="split 'train'"):
        Draws(np.empty(0, np.intp), 0)

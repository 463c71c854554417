import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.errors import EvfiError
from evfi.models.family import Recipe
from evfi.models.registry import FAMILIES
from evfi.training.data import StageData, evenly
from evfi.training.options import Runtime

TIMELENS = FAMILIES["timelens"]


def recipe(seed: int = 0) -> Recipe:
    changes = {"batch_size": 2, "augment": {"crop": 32}, "seed": seed, "validation_samples": 3}
    return TIMELENS.stage("synthesis").recipe.overridden(changes)


def frames(data: StageData, start: int, end: int) -> list[torch.Tensor]:
    return [batch.frame0 for batch in data.batches(start, end, Runtime(workers=0))]  # pyright: ignore


def test_a_resumed_run_sees_the_batches_an_undisturbed_one_would(index: Path) -> None:
    whole = frames(StageData(index, TIMELENS, recipe()), 0, 5)
    resumed = frames(StageData(index, TIMELENS, recipe()), 3, 5)
    assert len(resumed) == 2
    assert all(torch.equal(one, other) for one, other in zip(whole[3:], resumed, strict=True))


def test_the_global_random_numbers_are_left_alone(index: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    frames(StageData(index, TIMELENS, recipe()), 0, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_validation_samples_are_whole_frames_of_held_out_clips_in_one_order(index: Path) -> None:
    data = StageData(index, TIMELENS, recipe())
    for _ in range(2):
        pairs = list(data.validation_samples())
        assert len({sample.sample_id for sample, _ in pairs}) == 3
        assert all(sample.sequence == "00003/0001" for sample, _ in pairs)
        assert all(batch.frame0.shape == (1, 3, 36, 44) for _, batch in pairs)  # pyright: ignore


def test_the_samples_of_a_step_are_known_by_name(index: Path) -> None:
    data = StageData(index, TIMELENS, recipe())
    assert len(data.ids_of_step(4)) == 2
    assert all(name.startswith("septuplets/0000") for name in data.ids_of_step(4))
    assert data.ids_of_step(4) != data.ids_of_step(5)


@pytest.mark.parametrize(("length", "count"), [(10, 3), (10, 10), (2, 5), (7, 0)])
def test_evenly_spreads_over_all_positions(length: int, count: int) -> None:
    chosen = evenly(np.arange(length, dtype=np.intp), count)
    assert len(chosen) == min(length, count)
    assert list(chosen) == sorted(set(chosen.tolist()))
    if count > 1:
        assert np.diff(chosen).max() - np.diff(chosen).min() <= 1


def test_a_killed_worker_ends_training_with_one_line(index: Path) -> None:
    data = StageData(index, TIMELENS, recipe())
    batches = data.batches(0, 1000, Runtime(workers=1))
    next(batches)
    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(EvfiError, match="goes on from the last checkpoint") as caught:
        list(batches)
    assert "\n" not in str(caught.value)

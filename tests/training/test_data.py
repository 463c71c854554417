import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from evfi.errors import EvfiError, UserError
from evfi.models.family import Recipe
from evfi.models.registry import FAMILIES
from evfi.samples.reader import SampleReader
from evfi.training.data import StageData, evenly
from evfi.training.options import Runtime
from tests.samples.test_flows import SMALL, WIDE, index_of

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


WEVI = FAMILIES["wevi"]


def test_recordings_of_different_sensors_are_batched_apart_where_no_crop_makes_them_equal(tmp_path: Path) -> None:
    index = index_of(tmp_path, "train", SMALL, WIDE)
    for crop, sizes in ((0, {(40, 56), (48, 64)}), (32, {(32, 32)})):
        changes = {"batch_size": 2, "augment": {"crop": crop}}
        data = StageData(index, WEVI, WEVI.stages[0].recipe.overridden(changes))
        batches = list(data.batches(0, 6, Runtime(workers=0)))
        assert {tuple(batch.frame0.shape[-2:]) for batch in batches} == sizes  # pyright: ignore
        assert {len(batch.frame0) for batch in batches} == {2}  # pyright: ignore


def test_the_end_of_a_recording_is_validated_on(tmp_path: Path) -> None:
    changes = {"batch_size": 2, "augment": {"crop": 32}, "validation_tail": 0.4}
    data = StageData(index_of(tmp_path, "train", SMALL, WIDE), WEVI, WEVI.stages[0].recipe.overridden(changes))
    targets = pd.read_parquet(data.reader.index)["target"].to_numpy()
    assert targets[data.training].tolist() == [1, 2, 3, 1, 2, 3]
    assert targets[data.validation].tolist() == [6, 6]
    assert {data.draws.position(draw) for draw in range(20)} == set(data.training.tolist())


CONVLSTM = FAMILIES["convlstm"]


def convlstm_recipe(**changes: object) -> Recipe:
    small = {"batch_size": 2, "augment": {"crop": 32}, "validation_samples": 9}
    return CONVLSTM.last_stage.recipe.overridden({**small, **changes})


def names(data: StageData) -> list[str]:
    return [data.reader.rows[int(position)].sample_id.removeprefix("septuplets/") for position in data.training]


def test_four_even_frames_are_one_sample_of_a_septuplet(index: Path) -> None:
    data = StageData(index, CONVLSTM, convlstm_recipe())
    assert names(data) == [f"{clip}/0001/skip1/00002-00004/00003" for clip in ("00001", "00002")]
    assert len(data.validation) == 1
    sample = data.reader.at(int(data.training[0]))
    every = SampleReader(index).at(int(data.training[0]))
    assert every.before is None
    # The scene moves one pixel a frame: im1, im3, im5, im7 around im4.
    images = (sample.before, sample.frame0, sample.frame1, sample.after)
    for image, shift in zip(images, (-3, -1, 1, 3), strict=True):
        assert image is not None
        assert sample.target is not None
        assert np.array_equal(np.roll(image, shift, axis=1)[:, 3:-3], sample.target[:, 3:-3])
    assert (sample.before_us, sample.after_us) == (0, 6 * 33_333)


@pytest.mark.parametrize(
    ("scheme", "targets"),
    [("tight", (2, 3, 4)), ("tight_first", (2,)), ("tight_centred", (3,)), ("tight_last", (4,))],
)
def test_tight_schemes_take_the_frames_beside_the_pair(index: Path, scheme: str, targets: tuple[int, ...]) -> None:
    data = StageData(index, CONVLSTM, convlstm_recipe(frame_scheme=scheme))
    found = [name.rsplit("/", 1)[1] for name in names(data) if name.startswith("00001")]
    assert found == [f"{target:05d}" for target in targets]
    sample = data.reader.at(int(data.training[0]))
    assert sample.before_us == sample.t0_us - 33_333
    assert sample.after_us == sample.t1_us + 33_333


def test_all_frames_of_a_sample_get_one_crop_and_one_flip(index: Path) -> None:
    data = StageData(index, CONVLSTM, convlstm_recipe())
    for batch in data.batches(0, 6, Runtime(workers=0)):
        for frames, target in zip(batch.frames, batch.target, strict=True):  # pyright: ignore
            images = [*(image / 2 + 0.5 for image in frames[:2]), target, *(image / 2 + 0.5 for image in frames[2:])]
            # Mirrored or reversed, the scene moves the other way; it is one motion through all five images.
            steps = (-3, -1, 0, 1, 3)
            errors = [
                max(
                    float((image.roll(sign * step, dims=2) - target)[..., 3:-3].abs().max())
                    for image, step in zip(images, steps, strict=True)
                )
                for sign in (-1, 1)
            ]
            assert min(errors) < 1e-5


def test_an_index_without_four_even_frames_is_refused(index: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(index)
    table[table["skip"] == 3].to_parquet(tmp_path / "skip3.parquet")
    with pytest.raises(UserError, match=r"none of the 18 training rows .* convlstm"):
        StageData(tmp_path / "skip3.parquet", CONVLSTM, convlstm_recipe())


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

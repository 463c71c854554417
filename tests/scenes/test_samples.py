"""From stores of rendered scenes to samples, and to a training on them: events are simulated when a sample is read."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.errors import CheckFailed, InputFileError, UserError
from evfi.evaluation.protocols import setting_name
from evfi.evaluation.rows import RowsToMeasure
from evfi.io.describe import describe
from evfi.io.scenes import open_scenes
from evfi.io.verification import verify_store
from evfi.models.family import Recipe
from evfi.models.registry import FAMILIES
from evfi.provenance import digest_file, digest_folder
from evfi.samples.index import write_index
from evfi.samples.online import OnlineSimulation
from evfi.samples.options import SamplesOptions, SceneSamplesOptions
from evfi.samples.reader import SampleReader
from evfi.scenes.options import ScenesConfig
from evfi.scenes.render import rendered
from evfi.scenes.scene import SceneSpec
from evfi.scenes.write import write_scenes
from evfi.simulation.options import SimulationOptions
from evfi.training.data import StageData
from evfi.training.options import Runtime
from evfi.types import Events
from tests.scenes.conftest import SAMPLES, SCENES, SMALL, Made, write_split

TIMELENS = FAMILIES["timelens"]


def assert_same(one: Events, other: Events) -> None:
    for name in ("t", "y", "x", "p"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_store_gives_back_what_was_rendered(made: Made) -> None:
    store = open_scenes(made.stores["train"])
    assert store.ids == ["train/000000", "train/000001", "train/000002"]
    for number in range(len(store)):
        scene = rendered(SceneSpec.numbered(5, "train", number, SMALL))
        np.testing.assert_array_equal(store.t_us(number), scene.t_us)
        for frame in (0, 16):
            expected = scene.frames[frame]
            np.testing.assert_array_equal(store.frame(number, frame), expected.squeeze())
        moments, t_us = store.moments(number, int(scene.t_us[2]), int(scene.t_us[4]))
        assert (t_us[0], t_us[-1]) == (scene.t_us[2], scene.t_us[4])
        first = int(np.searchsorted(scene.moment_us, t_us[0]))
        np.testing.assert_array_equal(moments, scene.moments[first : first + len(t_us)])


def test_a_window_between_two_moments_gets_the_moments_around_it(made: Made) -> None:
    store = open_scenes(made.stores["train"])
    all_us = store.moments(0, 0, int(store.t_us(0)[-1]))[1]
    _, t_us = store.moments(0, int(all_us[3]) + 1, int(all_us[5]) - 1)
    np.testing.assert_array_equal(t_us, all_us[3:6])


def test_equal_arguments_give_equal_bytes_and_shards_cut_elsewhere_equal_scenes(made: Made, tmp_path: Path) -> None:
    again = write_split(tmp_path, "train")
    assert digest_folder(again) == digest_folder(made.stores["train"])
    assert again.with_suffix(".json").read_bytes() == made.stores["train"].with_suffix(".json").read_bytes()
    sensors = SCENES.sensors_of("train")
    write_scenes(tmp_path / "late.zarr", "train", first=2, count=1, options=SMALL, sensors=sensors, seed=5)
    late, whole = open_scenes(tmp_path / "late.zarr"), open_scenes(made.stores["train"])
    assert late.ids == whole.ids[2:]
    np.testing.assert_array_equal(late.frame(0, 7), whole.frame(2, 7))


def test_verify_and_info_know_a_scene_store_and_verify_finds_a_changed_one(made: Made, tmp_path: Path) -> None:
    store = made.stores["train"]
    assert verify_store(store)["arrays"] >= 10
    assert describe(store)["kind"] == "scenes"
    assert describe(store)["scenes"] == 3
    shutil.copytree(store, tmp_path / "bad.zarr")
    shutil.copy(store.with_suffix(".json"), tmp_path / "bad.json")
    (chunk, *_) = sorted((tmp_path / "bad.zarr/moments/luminance/c").rglob("*"))
    chunk.write_bytes(chunk.read_bytes()[:-9] + b"123456789")
    with pytest.raises(CheckFailed, match="moments/luminance"):
        verify_store(tmp_path / "bad.zarr")


def test_no_event_is_stored(made: Made) -> None:
    assert not any("event" in path.name for store in made.stores.values() for path in store.rglob("*"))


def test_scenes_to_train_on_give_drawn_samples_of_all_skips_and_the_index_is_the_same_again(
    made: Made, tmp_path: Path
) -> None:
    table = pd.read_parquet(made.train)
    train = table[table["split"] == "train"]
    assert 3 * 4 <= len(train) <= 3 * 6
    assert set(train["skip"]) <= set(SceneSamplesOptions().train_skips)
    assert (train["frame1"] - train["frame0"] == train["skip"] + 1).all()
    assert set(table["dataset"]) == {"scenes"}
    validation = table[table["split"] == "validation"]
    assert sorted(validation["skip"]) == sorted(2 * SceneSamplesOptions().train_skips)
    stores = [made.stores["train"], made.stores["validation"]]
    again = made.train.with_name("again.parquet")
    write_index(again, "train", clip_stores=[], recordings=[], scene_stores=stores, options=SAMPLES)
    assert digest_file(again) == digest_file(made.train)


def test_scenes_to_test_on_are_two_protocols_clean_and_noisy_with_every_target_once(made: Made) -> None:
    rows = RowsToMeasure(made.test)
    counts = rows.outline().groupby(["dataset", "skip"], observed=True).size()
    for dataset in ("scenes_clean", "scenes_noisy"):
        assert counts[dataset].to_dict() == {1: 2 * 8, 3: 2 * 12, 7: 2 * 14, 15: 2 * 15}
    assert setting_name("scenes_clean", "skip", 7).endswith("(scenes_clean_skip7)")
    assert {row.target_name for row in rows if row.skip == 15} == {f"frame+{number}" for number in range(1, 16)}


def test_a_test_samples_events_are_those_of_the_whole_scene_and_the_noisy_sensor_has_more(made: Made) -> None:
    reader, table = SampleReader(made.test), pd.read_parquet(made.test)
    wide, narrow = (np.flatnonzero((table["dataset"] == "scenes_clean") & (table["skip"] == skip)) for skip in (15, 3))
    whole = reader.at(int(wide[0])).events
    sample = reader.at(int(narrow[0]))
    assert_same(sample.events, whole.window(sample.t0_us, sample.t1_us))
    noisy = np.flatnonzero((table["dataset"] == "scenes_noisy") & (table["skip"] == 15))
    assert len(reader.at(int(noisy[0])).events) > 1.2 * len(whole) > 0


def test_every_epoch_has_sensors_of_its_own_and_the_same_ones_again(made: Made) -> None:
    reader, position = SampleReader(made.train), 0

    def events(epoch: int, seed: int = 3) -> Events:
        return reader.at(position, OnlineSimulation.of_epoch(SCENES.sensor, seed, epoch)).events

    assert_same(events(0), events(0))
    assert len({len(events(epoch)) for epoch in range(6)}) == 6


def test_the_moments_of_a_sample_alone_give_the_events_that_the_whole_scene_gives_from_there(made: Made) -> None:
    """With a pixel that fires at once and forgets nothing, only the level at the first moment could differ."""
    store = open_scenes(made.stores["train"])
    t_us = store.t_us(0)
    sensor = SimulationOptions(preset="esim_py", contrast_pos=0.2, contrast_neg=0.2)
    online = OnlineSimulation(sensor, 1)
    whole = online.events_of_scene(store, 0, int(t_us[0]), int(t_us[-1]))
    part = online.events_of_scene(store, 0, int(t_us[0]), int(t_us[6]))
    assert len(part) > 100
    assert_same(part, whole.window(int(t_us[0]), int(t_us[6])))


def recipe(**changes) -> Recipe:
    small = {"batch_size": 4, "augment": {"crop": 32}, "seed": 3, "validation_samples": 4}
    online = {"online_simulation": SCENES.sensor.model_dump()}
    return TIMELENS.stage("synthesis").recipe.overridden({**small, **online, **changes})


def test_a_training_takes_batches_of_scenes_whatever_the_workers(made: Made) -> None:
    def grids(workers: int) -> list[np.ndarray]:
        data = StageData(made.train, TIMELENS, recipe())
        return [batch.voxel_0_to_tau.numpy() for batch in data.batches(0, 3, Runtime(workers=workers))]  # pyright: ignore

    alone, shared = grids(0), grids(1)
    assert all((one == other).all() for one, other in zip(alone, shared, strict=True))
    assert all(np.abs(one).sum() > 0 for one in alone)
    samples = list(StageData(made.train, TIMELENS, recipe()).validation_samples())
    assert len(samples) == 4
    assert all(sample.sequence.startswith("validation/") for sample, _ in samples)


def test_a_sensor_that_the_store_does_not_know_is_refused(made: Made) -> None:
    table = pd.read_parquet(made.test)
    row = next(table.assign(dataset="scenes_foggy").itertuples())
    with pytest.raises(InputFileError, match=r"no sensor for 'scenes_foggy', only for \['scenes_clean"):
        SampleReader(made.test).read(row)


def test_a_skip_that_the_scenes_are_too_short_for_is_refused(made: Made, tmp_path: Path) -> None:
    options = SamplesOptions(scenes=SceneSamplesOptions(test_skips=(16,)))
    with pytest.raises(UserError, match="a skip of 16 needs 18 frames, its scenes have 17"):
        write_index(
            tmp_path / "x.parquet",
            "test",
            clip_stores=[],
            recordings=[],
            scene_stores=[made.stores["test"]],
            options=options,
        )


def test_shards_are_numbered_within_their_split_and_the_last_one_is_smaller() -> None:
    scenes = ScenesConfig(train=5, validation=1, test=2, shard_size=2)
    assert scenes.shards("train") == ["train-00000", "train-00001", "train-00002", "validation-00000"]
    assert scenes.shards("test") == ["test-00000"]
    assert scenes.block("train-00002") == ("train", 4, 1)
    assert scenes.block("validation-00000") == ("validation", 0, 1)


def test_a_changed_test_sensor_leaves_what_the_training_scenes_follow_from_alone() -> None:
    other = SCENES.replaced(test_sensors={"dim": SimulationOptions()})
    assert other.slice_of("train") == SCENES.slice_of("train")
    assert other.slice_of("test") != SCENES.slice_of("test")
    assert ScenesConfig.model_validate(SCENES.slice_of("train")).sensors_of("train") == SCENES.sensors_of("train")

"""A tiny set of rendered scenes: stores of all three splits, and their indexes."""

from pathlib import Path
from typing import NamedTuple

import pytest

from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions, SceneSamplesOptions
from evfi.scenes.options import SceneOptions, ScenesConfig
from evfi.scenes.write import write_scenes

SMALL = SceneOptions(sizes=((48, 40), (36, 44)), measured_sizes=((40, 48),), layers=(1, 2))
SCENES = ScenesConfig(train=3, validation=2, test=2, shard_size=2, render=SMALL)
SAMPLES = SamplesOptions(scenes=SceneSamplesOptions(train_rows=6))


class Made(NamedTuple):
    stores: dict[str, Path]
    train: Path
    test: Path


def write_split(folder: Path, split: str, scenes: ScenesConfig = SCENES, seed: int = 5) -> Path:
    out = folder / f"{split}-00000.zarr"
    count = scenes.counts()[split]
    sensors = scenes.sensors_of(split)
    write_scenes(out, split, first=0, count=count, options=scenes.render, sensors=sensors, seed=seed)
    return out


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("scenes")
    stores = {split: write_split(folder, split) for split in ("train", "validation", "test")}
    for part, splits in (("train", ("train", "validation")), ("test", ("test",))):
        given = [stores[split] for split in splits]
        write_index(
            folder / f"{part}.parquet", part, clip_stores=[], recordings=[], scene_stores=given, options=SAMPLES
        )
    return Made(stores, folder / "train.parquet", folder / "test.parquet")

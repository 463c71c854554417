"""A tiny sample index: three septuplets of a drifting pattern with made-up events, the last one for validation."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evfi.io.clips import Clip, write_clip_store
from evfi.io.images import write_png
from evfi.models.family import Recipe
from evfi.models.registry import FAMILIES
from evfi.provenance import digest_file
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions
from evfi.training.loop import train_stage
from evfi.training.options import Runtime
from evfi.types import Events, SensorSize

HEIGHT, WIDTH, FRAMES, INTERVAL_US = 36, 44, 7, 33_333


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors: a second thread only waits."""
    torch.set_num_threads(1)


def septuplet(folder: Path, clip_id: str, seed: int) -> Clip:
    rng = np.random.default_rng(seed)
    scene = rng.integers(0, 256, (HEIGHT, WIDTH + FRAMES, 3), dtype=np.uint8)
    t_us = np.arange(FRAMES, dtype=np.int64) * INTERVAL_US
    paths = tuple(folder / clip_id / f"im{number + 1}.png" for number in range(FRAMES))
    paths[0].parent.mkdir(parents=True)
    for number, path in enumerate(paths):
        write_png(path, scene[:, number : number + WIDTH])
    count = 3_000
    events = Events(
        x=rng.integers(0, WIDTH, count).astype(np.uint16),
        y=rng.integers(0, HEIGHT, count).astype(np.uint16),
        t=np.sort(rng.integers(0, t_us[-1], count)),
        p=rng.random(count) < 0.5,
        sensor_size=SensorSize(height=HEIGHT, width=WIDTH),
    )
    return Clip(
        clip_id=clip_id,
        events=events,
        t_us=t_us,
        frame_paths=paths,
        frame_sha256=tuple(digest_file(path) for path in paths),
        contrast_pos=0.2,
        contrast_neg=0.2,
        seed=seed,
        subframes=np.zeros(FRAMES - 1, np.int64),
    )


def tiny_index(folder: Path, clips: int = 3) -> Path:
    """The index of `clips` septuplets, 14 rows each (5 of skip 1, 9 of skip 3); the last clip is for validation."""
    store = folder / "clips.zarr"
    made = (septuplet(folder / "sequences", f"{number:05d}/0001", number) for number in range(1, clips + 1))
    write_clip_store(store, made, algo_version=1, seed=0)
    index = folder / "train.parquet"
    options = SamplesOptions(septuplet_train_skips=(1, 3), validation_fraction=0.3)
    write_index(index, "train", clip_stores=[store], recordings=[], options=options)
    return index


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_index(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def own_index(tmp_path: Path) -> Path:
    """An index that a test may damage."""
    return tiny_index(tmp_path / "data")


TIMELENS = FAMILIES["timelens"]


def recipe_of(stage: str, changes: Mapping[str, Any]) -> Recipe:
    small = {"steps": 6, "batch_size": 2, "augment": {"crop": 32}, "journal_every": 2, "validation_every": 3}
    return TIMELENS.stage(stage).recipe.overridden({**small, "validation_samples": 2, "learning_rate": 1e-3, **changes})


Train = Callable[..., dict[str, Any]]


@pytest.fixture
def train(index: Path, tmp_path: Path) -> Train:
    """train(out, stage=…, recipe={…}, …) runs a tiny stage; its state lies in tmp_path/"state"."""

    def run(out: Path, stage: str = "synthesis", **changes: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "index": index,
            "starts": {},
            "model_options": TIMELENS.options(base_width=4),
            "recipe": recipe_of(stage, changes.pop("recipe", {})),
            "runtime": Runtime(workers=0),
            "state_dir": tmp_path / "state",
            "fingerprint": "abc",
        }
        return train_stage(TIMELENS, TIMELENS.stage(stage), out=out, **{**arguments, **changes})

    return run

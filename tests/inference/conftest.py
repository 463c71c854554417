"""Small recordings and weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.inference.predictor import Predictor, load_predictor
from evfi.io.recording import Recording, RecordingWriter, open_recording
from evfi.types import Events, Frames, SensorSize
from tests.untrained import untrained

SIZE = SensorSize(height=35, width=42)
TIMES_US = 1_700_000_000_000_000 + np.array([0, 40_000, 80_010, 119_990, 160_000], np.int64)


def events_between(start_us: int, end_us: int, count: int, seed: int) -> Events:
    rng = np.random.default_rng(seed)
    return Events(
        rng.integers(0, SIZE.width, count).astype(np.uint16),
        rng.integers(0, SIZE.height, count).astype(np.uint16),
        np.sort(rng.integers(start_us, end_us, count)),
        rng.random(count) < 0.5,
        SIZE,
    )


def write_recording(path: Path, *, colour: bool, frames: bool = True) -> Recording:
    """Five frames of noise at about 25 fps; the gap between the third and the fourth has no event."""
    rng = np.random.default_rng(int(colour))
    store = RecordingWriter(path, SIZE)
    gap = (int(TIMES_US[2]), int(TIMES_US[3]))
    store.add_events(events_between(int(TIMES_US[0]) - 500, gap[0], 3000, 1))
    store.add_events(events_between(gap[1], int(TIMES_US[4]) + 900, 900, 2))
    if frames:
        shape = (5, SIZE.height, SIZE.width, 3)[: 4 if colour else 3]
        store.add_frames(Frames.without_exposure(rng.integers(0, 256, shape, np.uint8), TIMES_US))
    store.finish()
    return open_recording(path)


@pytest.fixture(scope="session")
def gray(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return write_recording(tmp_path_factory.mktemp("gray") / "gray.zarr", colour=False)


@pytest.fixture(scope="session")
def colour(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return write_recording(tmp_path_factory.mktemp("colour") / "colour.zarr", colour=True)


@pytest.fixture(scope="session")
def without_frames(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return write_recording(tmp_path_factory.mktemp("events") / "events.zarr", colour=False, frames=False)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fresh weights of the smallest TimeLens."""
    return untrained(tmp_path_factory.mktemp("weights") / "weights.safetensors", seed=3)


@pytest.fixture(scope="session")
def averaging_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fresh weights of a small ConvLSTM network, which predict the plain average."""
    return untrained(tmp_path_factory.mktemp("averaging") / "weights.safetensors", "convlstm", base_channels=2, depth=2)


@pytest.fixture(scope="session")
def predictor(weights: Path) -> Predictor:
    return load_predictor(weights)


@pytest.fixture
def recording_of(gray: Recording, colour: Recording) -> Callable[[str], Recording]:
    return lambda kind: {"gray": gray, "colour": colour}[kind]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small networks are slower on two threads, and far slower on a busy machine."""
    torch.set_num_threads(1)

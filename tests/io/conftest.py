"""Small recordings to write and read back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from evfi.io.aedat4 import write_aedat4
from evfi.types import Events, Frames, SensorSize

EPOCH_US = 1_700_000_000_000_000
SIZE = SensorSize(height=18, width=24)


@dataclass(frozen=True)
class Made:
    """A recording and the file it was written to."""

    path: Path
    events: Events
    frames: Frames


def random_events(n: int, seed: int = 0, size: SensorSize = SIZE, span_us: int = 400_000) -> Events:
    rng = np.random.default_rng(seed)
    # a tenth as many distinct times as events: equal times are common in real data
    t = np.sort(rng.choice(rng.integers(0, span_us, max(1, n // 10)), n)) + EPOCH_US
    x = rng.integers(0, size.width, n).astype(np.uint16)
    y = rng.integers(0, size.height, n).astype(np.uint16)
    return Events(x, y, t.astype(np.int64), rng.random(n) < 0.5, size)


def random_frames(n: int, seed: int = 0, size: SensorSize = SIZE, colour: bool = False) -> Frames:
    rng = np.random.default_rng(seed)
    start = EPOCH_US - 5000 + 40_000 * np.arange(n, dtype=np.int64)
    # odd and even lengths: the middle is rounded down
    length = rng.integers(1000, 10_000, n)
    image = rng.integers(0, 256, (n, size.height, size.width) + ((3,) if colour else ()), dtype=np.uint8)
    return Frames(image, (2 * start + length) // 2, start, start + length)


def assert_same_columns(a: object, b: object, names: tuple[str, ...]) -> None:
    for name in names:
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype, name
        np.testing.assert_array_equal(x, y, err_msg=name)


@pytest.fixture
def events_of() -> Callable[..., Events]:
    return random_events


@pytest.fixture
def frames_of() -> Callable[..., Frames]:
    return random_frames


@pytest.fixture
def assert_same_events() -> Callable[[Events, Events], None]:
    return lambda a, b: assert_same_columns(a, b, ("x", "y", "t", "p"))


@pytest.fixture
def assert_same_times() -> Callable[[object, object], None]:
    return lambda a, b: assert_same_columns(a, b, ("t_us", "exposure_start_us", "exposure_end_us"))


@pytest.fixture
def recorded(tmp_path: Path) -> Made:
    """An aedat4 file of 20,000 events and 11 gray frames, some before the first and after the last event."""
    made = Made(tmp_path / "made.aedat4", random_events(20_000), random_frames(11))
    write_aedat4(made.path, SIZE, [made.events], [made.frames])
    return made

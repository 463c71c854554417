"""Data sets of events and images in their true layouts, written by the tests themselves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from evfi.io.images import write_png
from evfi.io.ingest import ingest
from evfi.io.recording import open_recording
from evfi.types import SensorSize

SIZE = SensorSize(height=18, width=24)
EVERY_US = 10_000
IMAGES = 7


@dataclass(frozen=True)
class Truth:
    """What a recording holds: events from before the first to after the last of the images."""

    x: np.ndarray
    y: np.ndarray
    t: np.ndarray
    p: np.ndarray
    image: np.ndarray
    image_t_us: np.ndarray
    size: SensorSize = field(default=SIZE)

    def between(self, first_us: int, last_us: int) -> np.ndarray:
        """Places of events in (first_us, last_us]."""
        return np.flatnonzero((self.t > first_us) & (self.t <= last_us))


@pytest.fixture
def truth() -> Truth:
    rng = np.random.default_rng(3)
    n, start = 3000, 5_000_000
    times = start + EVERY_US * np.arange(IMAGES, dtype=np.int64)
    t = np.sort(rng.integers(start + 1, times[-1] + 1, n)).astype(np.int64)
    # eighths of a pixel: exact as float32, and as whole numbers once multiplied by 32
    x, y = (rng.integers(0, 8 * (length - 1), n).astype(np.float32) / 8 for length in (SIZE.width, SIZE.height))
    image = rng.integers(0, 256, (IMAGES, SIZE.height, SIZE.width, 3), dtype=np.uint8)
    return Truth(x, y, t, rng.random(n) < 0.5, image, times)


def write_images(folder: Path, truth: Truth, first: int = 0) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(truth.image, start=first):
        write_png(folder / f"{number:06d}.png", image)


@pytest.fixture
def hs_ergb(tmp_path: Path, truth: Truth) -> Path:
    """File n holds the events of (image n - 1, image n]; a few events lie beyond the sensor; two more times."""
    root = tmp_path / "hs"
    write_images(root / "images_corrected", truth)
    (root / "events_aligned").mkdir()
    for number in range(1, IMAGES):
        at = truth.between(*truth.image_t_us[number - 1 : number + 1])
        write_hs_file(root / "events_aligned" / f"{number:06d}.npz", truth, at)
    extra = truth.image_t_us[-1] + EVERY_US * np.arange(1, 3)
    lines = [f"{time}\n" for time in [*truth.image_t_us, *extra]]
    (root / "images_corrected" / "timestamp.txt").write_text("".join(lines))
    return root


def write_hs_file(path: Path, truth: Truth, at: np.ndarray, **changed: np.ndarray) -> None:
    columns = {"x": truth.x[at], "y": truth.y[at], "t": truth.t[at], "p": truth.p[at].astype(np.uint8), **changed}
    np.savez_compressed(path, **columns)


@pytest.fixture
def bs_ergb(tmp_path: Path, truth: Truth) -> Path:
    """File n holds the events between images n and n + 1, coordinates times 32 as uint16."""
    root = tmp_path / "bs"
    write_images(root / "images", truth)
    (root / "events").mkdir()
    for number in range(IMAGES - 1):
        at = truth.between(*truth.image_t_us[number : number + 2])
        np.savez(
            root / "events" / f"{number:06d}.npz",
            x=(truth.x[at] * 32).astype(np.uint16),
            y=(truth.y[at] * 32).astype(np.uint16),
            timestamp=truth.t[at],
            polarity=truth.p[at].astype(np.uint8),
        )
    return root


@pytest.fixture
def dsec(tmp_path: Path, truth: Truth) -> Path:
    """DSEC's layout with Blosc, t as uint32 from an offset, and frames with exposures."""
    path = tmp_path / "events.h5"
    offset = int(truth.t[0]) - 17
    t = truth.t - offset
    with h5py.File(path, "w") as file:
        blosc = dict(hdf5plugin.Blosc(cname="zstd"))
        columns = {
            "x": np.floor(truth.x).astype(np.uint16),
            "y": np.floor(truth.y).astype(np.uint16),
            "t": t.astype(np.uint32),
            "p": truth.p.astype(np.uint8),
        }
        for name, values in columns.items():
            file.create_dataset(f"events/{name}", data=values, chunks=(512,), **blosc)
        file["t_offset"] = np.int64(offset)
        file["ms_to_idx"] = np.searchsorted(t, 1000 * np.arange(t[-1] // 1000 + 1)).astype(np.uint64)
        file["frames/image"] = truth.image
        file["frames/t_us"] = truth.image_t_us
        file["frames/exposure_start_us"] = truth.image_t_us - 300
        file["frames/exposure_end_us"] = truth.image_t_us + 300
    return path


@pytest.fixture
def hqf(tmp_path: Path, truth: Truth) -> Path:
    """The layout of HQF's h5 files: seconds as float64, gray images with the attribute timestamp."""
    path = tmp_path / "hqf.h5"
    with h5py.File(path, "w") as file:
        file["events/xs"] = np.floor(truth.x).astype(np.int16)
        file["events/ys"] = np.floor(truth.y).astype(np.int16)
        file["events/ts"] = truth.t / 1e6
        file["events/ps"] = truth.p
        for number, (image, time) in enumerate(zip(truth.image[..., 0], truth.image_t_us, strict=True)):
            data = file.create_dataset(f"images/image{number:09d}", data=image)
            data.attrs["timestamp"] = time / 1e6
        file.attrs["sensor_resolution"] = (SIZE.height, SIZE.width)
    return path


@pytest.fixture
def stored(tmp_path: Path) -> Callable:
    """Ingest a path with options given by name; the recording and its repairs."""

    def take(path: Path, **options):
        from evfi.io.importers.options import ImportOptions

        receipt = ingest(path, tmp_path / "out" / "r.zarr", options=ImportOptions(**options))
        recording = open_recording(tmp_path / "out" / "r.zarr")
        return recording, {name: count for name, count in receipt["repairs"].items() if count}

    return take


@pytest.fixture
def same_as(truth: Truth) -> Callable:
    """Assert that a recording holds the truth: sub-pixel coordinates, or those of whole pixels."""

    def check(recording, *, whole_pixels: bool, colour: bool = True) -> None:
        events = recording.events(recording.start_us, recording.end_us)
        for name in ("x", "y"):
            expected = getattr(truth, name)
            expected = np.floor(expected).astype(np.uint16) if whole_pixels else expected
            found = getattr(events, name)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(events.t, truth.t)
        np.testing.assert_array_equal(events.p, truth.p)
        np.testing.assert_array_equal(recording.frames.t_us, truth.image_t_us)
        for number, image in enumerate(truth.image):
            np.testing.assert_array_equal(recording.frames[number], image if colour else image[..., 0])

    return check

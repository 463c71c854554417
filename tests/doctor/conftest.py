"""Simulated recordings of known truth, and small data-set folders to plant faults in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from evfi.demo.render import render_exposure, render_moments, to_uint8
from evfi.demo.scene import draw_scene
from evfi.io.images import write_png
from evfi.io.recording import Recording, RecordingWriter, open_recording
from evfi.simulation.noise import hot_pixels
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.simulate import Simulator
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=90, width=120)
SMALL = SensorSize(height=18, width=24)
FPS, EXPOSURE_US, DURATION_US, START_US = 25, 4_000, 1_600_000, 1_700_000_000_000_000


@dataclass(frozen=True)
class Simulated:
    """A recording and what it was made with."""

    recording: Recording
    contrast_pos: float
    contrast_neg: float
    hot: set[tuple[int, int]]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Simulated]:
    """A noisy sensor of its own thresholds before a moving scene; events may be late, pixels hot. Made once each."""
    made: dict[tuple, Simulated] = {}

    def make(seed: int, late_us: int = 0, hot: int = 0, rate_hz: float = 200.0, cutoff_hz: float = 0.0) -> Simulated:
        key = (seed, late_us, hot, rate_hz, cutoff_hz)
        if key not in made:
            made[key] = _simulated(tmp_path_factory.mktemp("simulated") / "r.zarr", *key)
        return made[key]

    return make


def _simulated(path: Path, seed: int, late_us: int, hot: int, rate_hz: float, cutoff_hz: float) -> Simulated:
    rng = np.random.default_rng(seed)
    contrast = rng.uniform(0.18, 0.35, 2).round(3)
    noise = NoiseOptions(
        threshold_sigma=0.02,
        leak_rate_hz=0.05,
        shot_rate_hz=0.5,
        hot_pixel_count=hot,
        hot_pixel_rate_hz=rate_hz,
        cutoff_hz=cutoff_hz,
    )
    options = SimulationOptions(
        preset="esim_py", contrast_pos=contrast[0], contrast_neg=contrast[1], refractory_us=100, noise=noise
    )
    duration = DURATION_US
    scene = draw_scene(
        seed=seed, split="test", sensor_size=SIZE, duration_us=duration, frames_per_second=FPS, gray=True
    )
    simulator = Simulator(SIZE, options, seed=seed)
    writer = RecordingWriter(path, SIZE)
    t_us = np.arange(0, duration + 1, 1000)
    for first in range(0, len(t_us), 100):
        some = t_us[first : first + 100]
        gray = render_moments(scene, some.astype(float))[..., 0] * np.float32(255)
        events = simulator.feed(gray, some + START_US)
        writer.add_events(Events(events.x, events.y, events.t + late_us, events.p, SIZE))
    starts = np.arange(5_000, duration - EXPOSURE_US, round(1e6 / FPS))
    for start in starts:
        picture = render_exposure(scene, start, start + EXPOSURE_US)
        read_noise = 1.2 * rng.standard_normal(picture.shape).astype(np.float32)
        times = [np.array([START_US + start + part], np.int64) for part in (EXPOSURE_US // 2, 0, EXPOSURE_US)]
        writer.add_frames(Frames(to_uint8(picture, read_noise)[None, ..., 0], *times))
    writer.finish()
    return Simulated(open_recording(path), float(contrast[0]), float(contrast[1]), set(hot_pixels(noise, SIZE, seed)))


@dataclass(frozen=True)
class Planted:
    """An HS-ERGB folder of 12 images 10 ms apart and evenly random events, ready to be spoilt."""

    root: Path
    events: Events
    image_t_us: np.ndarray

    def event_file(self, number: int) -> Path:
        return self.root / "events_aligned" / f"{number:06d}.npz"

    def image_file(self, number: int) -> Path:
        return self.root / "images_corrected" / f"{number:06d}.png"

    def write_times(self, t_us: np.ndarray, form: str = "{:.0f}") -> None:
        lines = "".join(form.format(time) + "\n" for time in t_us)
        (self.root / "images_corrected" / "timestamp.txt").write_text(lines)

    def write_events(self, **changes: Callable) -> None:
        """All event files, each column changed by a function."""
        for number in range(1, 12):
            at = (self.events.t > self.image_t_us[number - 1]) & (self.events.t <= self.image_t_us[number])
            columns = {
                "x": self.events.x[at].astype(np.float32) + np.float32(0.25),
                "y": self.events.y[at].astype(np.float32),
                "t": self.events.t[at],
                "p": self.events.p[at].astype(np.uint8),
            }
            columns |= {name: change(columns[name]) for name, change in changes.items()}
            np.savez(self.event_file(number), **columns)


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    rng = np.random.default_rng(8)
    t_us = 3_000_000 + 10_000 * np.arange(12, dtype=np.int64)
    n = 12_000
    t = np.sort(rng.integers(t_us[0] + 1, t_us[-1] + 1, n))
    x, y = (rng.integers(0, length, n).astype(np.uint16) for length in (SMALL.width, SMALL.height))
    made = Planted(tmp_path / "hs", Events(x, y, t, rng.random(n) < 0.5, SMALL), t_us)
    for folder in ("events_aligned", "images_corrected"):
        (made.root / folder).mkdir(parents=True)
    for number in range(12):
        write_png(made.image_file(number), rng.integers(0, 256, (18, 24), dtype=np.uint8))
    made.write_times(t_us)
    made.write_events()
    return made

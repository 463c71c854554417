"""The demo's .aedat4 recordings: a gray DAVIS whose frames and events look at one scene, and the truth in between.

Events come from float renders at 1 kHz, never from frames. Frames have motion blur, read noise and 8 bits; the true
frames between two of them have the same blur and 8 bits, and no read noise.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evfi.demo.exposures import Exposures, exposures_between, frame_exposures, recording_duration_us
from evfi.demo.options import DemoOptions
from evfi.demo.render import render_exposure, render_moments, to_uint8
from evfi.demo.scene import Scene, draw_scene
from evfi.demo.statistics import MotionCount, count_motion
from evfi.demo.textures import BACKGROUNDS
from evfi.io.aedat4 import write_aedat4
from evfi.io.images import write_frame_folder
from evfi.provenance import item_seed
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.simulate import Simulator
from evfi.types import Events, Frames, SensorSize
from evfi.units import US_PER_S

# 2026-01-05 00:00 UTC; recordings start a minute apart.
_EPOCH_US = 1_767_571_200 * US_PER_S
_APART_US = 60 * US_PER_S
_RENDERS_AT_A_TIME = 50
_HOT_PIXELS_PER_PIXEL = 1e-4


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """One recording to render; start_us is Unix-epoch time of the scene's start."""

    name: str
    split: str
    background: str
    seed: int
    start_us: int


@dataclass(frozen=True, eq=False, slots=True)
class RecordingResult:
    """What was rendered: all photographs in it (background first), counts, thresholds (ON, OFF), its motion."""

    plan: RecordingPlan
    photographs: tuple[str, ...]
    events: int
    frames: int
    thresholds: tuple[float, float]
    motion: MotionCount


def plan_recordings(options: DemoOptions) -> list[RecordingPlan]:
    """All recordings, train before test."""
    plans = []
    for split, count in (("train", options.train_recordings), ("test", options.test_recordings)):
        for number in range(count):
            name = f"{split}{number}"
            background = BACKGROUNDS[split][number % len(BACKGROUNDS[split])]
            start_us = _EPOCH_US + len(plans) * _APART_US
            plans.append(RecordingPlan(name, split, background, item_seed(options.seed, "recording", name), start_us))
    return plans


def recording_scene(plan: RecordingPlan, options: DemoOptions) -> tuple[Scene, Exposures]:
    """The recording's scene and its frames' exposures, in µs since the scene's start."""
    scene = draw_scene(
        seed=plan.seed,
        split=plan.split,
        sensor_size=SensorSize(height=options.recording_height, width=options.recording_width),
        duration_us=recording_duration_us(options),
        frames_per_second=options.fps,
        gray=True,
        background=plan.background,
    )
    return scene, frame_exposures(options, np.random.default_rng(item_seed(plan.seed, "exposure")))


def thresholds(plan: RecordingPlan) -> tuple[float, float]:
    """ON and OFF contrast threshold of a recording's sensor, in log-intensity units."""
    rng = np.random.default_rng(item_seed(plan.seed, "sensor"))
    contrast_pos = float(rng.uniform(0.24, 0.3))
    ratio = float(np.clip(rng.normal(1, 0.07), 0.8, 1.2))
    return round(contrast_pos, 4), round(contrast_pos * ratio, 4)


def sensor_options(plan: RecordingPlan, options: DemoOptions) -> SimulationOptions:
    """The event sensor of a recording: thresholds of its own, mismatch, leak, shot noise, jitter, hot pixels."""
    contrast_pos, contrast_neg = thresholds(plan)
    pixels = options.recording_width * options.recording_height
    return SimulationOptions(
        preset="esim_py",
        contrast_pos=contrast_pos,
        contrast_neg=contrast_neg,
        refractory_us=100,
        noise=NoiseOptions(
            threshold_sigma=0.02,
            leak_rate_hz=0.05,
            leak_spread_decades=0.2,
            shot_rate_hz=0.5,
            hot_pixel_count=max(1, round(pixels * _HOT_PIXELS_PER_PIXEL)),
            jitter_us=30,
        ),
    )


def write_recording(plan: RecordingPlan, options: DemoOptions, path: Path) -> RecordingResult:
    """Render one recording into an .aedat4 file.

    Events (13 bytes each) and frames wait in memory for the file to be opened, the many renders do not.
    """
    scene, exposures = recording_scene(plan, options)
    sensor = sensor_options(plan, options)
    # Not streamed into the file: as long as dv-processing has one open for writing, a thread of its own spins and
    # would take half of every core from the renderer.
    events = deque(_events(scene, plan, options, sensor))
    frames = list(_noisy_frames(scene, exposures, plan, options))
    event_count = sum(map(len, events))
    write_aedat4(path, scene.sensor_size, _taken(events), frames)
    return RecordingResult(
        plan=plan,
        photographs=scene.photographs,
        events=event_count,
        frames=len(exposures),
        thresholds=thresholds(plan),
        motion=count_motion(scene, exposures.t_us),
    )


def write_truth(plan: RecordingPlan, options: DemoOptions, folder: Path) -> int:
    """Render the true frames between all frames of a recording into a frame folder; returns their number."""
    scene, exposures = recording_scene(plan, options)
    between = exposures_between(exposures, options.truth_per_gap)
    images = [to_uint8(render_exposure(scene, start, end))[..., 0] for start, end in _intervals(between)]
    write_frame_folder(folder, between.frames(np.stack(images), 0, plan.start_us))
    return len(between)


def _events(scene: Scene, plan: RecordingPlan, options: DemoOptions, sensor: SimulationOptions) -> Iterator[Events]:
    simulator = Simulator(scene.sensor_size, sensor, seed=item_seed(plan.seed, "events"))
    every_us = US_PER_S // options.event_renders_per_second
    t_us = np.arange(0, recording_duration_us(options) + 1, every_us, dtype=np.int64)
    for first in range(0, len(t_us), _RENDERS_AT_A_TIME):
        chunk_us = t_us[first : first + _RENDERS_AT_A_TIME]
        gray = render_moments(scene, chunk_us.astype(np.float64))[..., 0] * np.float32(255)
        yield simulator.feed(gray, chunk_us + plan.start_us)
    yield simulator.finish()


def _noisy_frames(scene: Scene, exposures: Exposures, plan: RecordingPlan, options: DemoOptions) -> Iterator[Frames]:
    for number, (start, end) in enumerate(_intervals(exposures)):
        picture = render_exposure(scene, start, end)
        rng = np.random.default_rng(item_seed(plan.seed, "read noise", number))
        noise = rng.standard_normal(picture.shape, np.float32) * np.float32(options.read_noise_dn)
        yield exposures.frames(to_uint8(picture, noise)[None, ..., 0], number, plan.start_us)


def _taken(pieces: deque[Events]) -> Iterator[Events]:
    """The pieces in order; each is freed as soon as it was used."""
    while pieces:
        yield pieces.popleft()


def _intervals(exposures: Exposures) -> list[tuple[int, int]]:
    return list(zip(exposures.start_us.tolist(), exposures.end_us.tolist(), strict=True))

"""What a family may need beside frames and events between them: flows to the target, events between context frames."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from evfi.flow.dis import DisFlow
from evfi.io.clips import Clip, write_clip_store
from evfi.io.images import write_png
from evfi.provenance import digest_file
from evfi.samples import augment as augmenting
from evfi.samples.index import write_index
from evfi.samples.motion import flows_by_motion, neighbour_flows
from evfi.samples.needs import Needs
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from evfi.samples.sample import Flow, Image, Sample
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=40, width=56)
INTERVAL_US = 10_000
SHIFT = 2
FULL = Needs(context="tight", middle_only=True, outer_events=True, flows_to_target=True)


def scene(frames: int) -> list[Image]:
    """A smooth pattern that moves SHIFT pixels to the right from frame to frame."""
    noise = np.random.default_rng(0).integers(0, 256, (SIZE.height, SIZE.width + SHIFT * frames), dtype=np.uint8)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX)  # pyright: ignore
    starts = [SHIFT * (frames - number) for number in range(frames)]
    return [np.repeat(wide[:, start : start + SIZE.width, None], 3, axis=2).astype(np.uint8) for start in starts]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one septuplet; an event every 100 us."""
    folder = tmp_path_factory.mktemp("flows")
    t_us = np.arange(7, dtype=np.int64) * INTERVAL_US
    paths = tuple(folder / f"im{number}.png" for number in range(7))
    for path, image in zip(paths, scene(7), strict=True):
        write_png(path, image)
    t = np.arange(0, 6 * INTERVAL_US, 100, dtype=np.int64)
    rng = np.random.default_rng(1)
    events = Events(
        x=rng.integers(0, SIZE.width, len(t)).astype(np.uint16),
        y=rng.integers(0, SIZE.height, len(t)).astype(np.uint16),
        t=t,
        p=rng.random(len(t)) < 0.5,
        sensor_size=SIZE,
    )
    digests = tuple(digest_file(path) for path in paths)
    clip = Clip("00001/0001", events, t_us, paths, digests, 0.2, 0.2, 0, np.zeros(6, np.int64))
    write_clip_store(folder / "clips.zarr", iter([clip]), algo_version=1, seed=0)
    options = SamplesOptions(septuplet_test_skips=(1,))
    write_index(folder / "test.parquet", "test", clip_stores=[folder / "clips.zarr"], recordings=[], options=options)
    return folder / "test.parquet"


def sample_of(index: Path, needs: Needs) -> Sample:
    """The target is frame 3 of 0 … 6, between the frames 2 and 4."""
    reader = SampleReader(index, needs=needs)
    (position,) = np.flatnonzero(pd.read_parquet(reader.index)["target"].to_numpy() == 3)
    return reader.at(int(position))


def test_a_training_sample_has_the_flows_from_both_frames_to_its_target(index: Path) -> None:
    sample = sample_of(index, FULL)
    assert sample.flow0 is not None
    assert sample.flow1 is not None
    assert sample.target is not None
    np.testing.assert_array_equal(sample.flow0, DisFlow()(sample.frame0, sample.target))
    assert np.median(sample.flow0, axis=(0, 1)) == pytest.approx([SHIFT, 0], abs=0.1)
    assert np.median(sample.flow1, axis=(0, 1)) == pytest.approx([-SHIFT, 0], abs=0.1)


def test_outer_events_are_those_between_the_context_frames(index: Path) -> None:
    sample = sample_of(index, FULL)
    assert (sample.before_us, sample.after_us) == (INTERVAL_US, 5 * INTERVAL_US)
    assert sample.outer_events is not None
    assert sample.outer_events.t.tolist() == list(range(INTERVAL_US, 5 * INTERVAL_US, 100))
    assert sample.events.t.tolist() == list(range(2 * INTERVAL_US, 4 * INTERVAL_US, 100))


def test_a_sample_that_nobody_needs_more_of_has_neither(index: Path) -> None:
    sample = sample_of(index, Needs())
    assert sample.outer_events is None
    assert sample.flow0 is None
    assert sample.flow1 is None


@pytest.mark.parametrize("change", ["flip_horizontal", "flip_vertical", "transpose", "reverse_time"])
def test_flows_change_as_those_of_the_changed_frames(index: Path, change: str) -> None:
    changed: Sample = getattr(augmenting, change)(sample_of(index, FULL))
    assert changed.flow0 is not None
    assert changed.flow1 is not None
    assert changed.target is not None
    for ours, frame in ((changed.flow0, changed.frame0), (changed.flow1, changed.frame1)):
        fresh = DisFlow()(np.ascontiguousarray(frame), np.ascontiguousarray(changed.target))
        assert ours.shape == fresh.shape
        inner = (slice(8, -8), slice(8, -8))
        assert np.abs(ours[inner] - fresh[inner]).mean() < 0.15


def test_a_crop_takes_the_same_part_of_flows_and_outer_events(index: Path) -> None:
    sample = sample_of(index, FULL)
    cropped = augmenting.crop(sample, (16, 16), 0.5, 0.5)
    assert sample.flow0 is not None
    assert cropped.flow0 is not None
    assert cropped.outer_events is not None
    top, left = 12, 20
    np.testing.assert_array_equal(cropped.frame0, sample.frame0[top : top + 16, left : left + 16])
    np.testing.assert_array_equal(cropped.flow0, sample.flow0[top : top + 16, left : left + 16])
    assert 0 < len(cropped.outer_events) < 400
    assert cropped.outer_events.sensor_size == SensorSize(height=16, width=16)


def test_outer_events_and_context_times_are_mirrored_around_the_pairs_middle(index: Path) -> None:
    sample = sample_of(index, FULL)
    uneven = replace(sample, before_us=int(0.8 * INTERVAL_US))
    back = augmenting.reverse_time(uneven)
    assert (back.before_us, back.after_us) == (INTERVAL_US, int(5.2 * INTERVAL_US))
    assert back.outer_events is not None
    assert uneven.outer_events is not None
    mirror = uneven.t0_us + uneven.t1_us - 1
    assert back.outer_events.t.tolist() == sorted(mirror - uneven.outer_events.t)
    again = augmenting.reverse_time(back)
    assert again.outer_events is not None
    for column in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(again.outer_events, column), getattr(uneven.outer_events, column))


class Recorded:
    """A flow that only remembers what it was asked."""

    name = "recorded"

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []

    def __call__(self, a: Image, b: Image) -> Flow:
        self.asked.append((float(a.flat[0]), float(b.flat[0])))
        return np.full((*a.shape[:2], 2), float(b.flat[0]) - float(a.flat[0]), np.float32)


def gray_sample(values: dict[str, int | None], t_us: int) -> Sample:
    def image(name: str) -> Image | None:
        value = values[name]
        return None if value is None else np.full((4, 4, 3), value, np.uint8)

    frame0, frame1 = image("frame0"), image("frame1")
    assert frame0 is not None
    assert frame1 is not None
    events = Events.empty(SensorSize(height=4, width=4))
    target, before, after = image("target"), image("before"), image("after")
    return Sample("a", "s", frame0, frame1, target, events, 0, 100, t_us, before=before, after=after)


def fitted(sample: Sample, flow: Recorded) -> tuple[Flow, Flow]:
    return flows_by_motion(sample.tau, neighbour_flows(sample, flow))


def test_motion_follows_four_frames_and_never_looks_at_the_target() -> None:
    """Gray values stand for positions: those of a body that accelerates, at the times -1, 0, 1, 2."""

    def position(time: float) -> float:
        return 40 + 10 * time + 5 * time * time

    names = ("before", "frame0", "frame1", "after")
    values: dict[str, int | None] = {name: int(position(time)) for name, time in zip(names, (-1, 0, 1, 2), strict=True)}
    flow = Recorded()
    flow0, flow1 = fitted(gray_sample({**values, "target": 250}, t_us=25), flow)
    assert float(flow0[0, 0, 0]) == pytest.approx(position(0.25) - position(0))
    assert float(flow1[0, 0, 0]) == pytest.approx(position(0.25) - position(1))
    assert all(250 not in pair for pair in flow.asked)


def test_without_context_motion_is_linear() -> None:
    values: dict[str, int | None] = {"before": None, "frame0": 40, "frame1": 80, "after": None, "target": None}
    flow0, flow1 = fitted(gray_sample(values, t_us=25), Recorded())
    assert float(flow0[0, 0, 0]) == pytest.approx(10)
    assert float(flow1[0, 0, 0]) == pytest.approx(-30)

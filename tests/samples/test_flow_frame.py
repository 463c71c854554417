"""The frame that optical flow alone predicts, and samples that carry it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evfi.flow.dis import DisFlow
from evfi.flow.interpolate import interpolate_pair
from evfi.io.images import read_image
from evfi.samples.augment import crop, flip_horizontal, reverse_time, transpose
from evfi.samples.flow_frame import FlowFrames
from evfi.samples.needs import Needs
from evfi.samples.reader import SampleReader
from evfi.samples.sample import Image, Sample, as_rgb
from evfi.types import Events, SensorSize
from tests.training.conftest import tiny_index


def mean_square(frame: np.ndarray, target: Image) -> float:
    return float(np.mean((frame - target / 255) ** 2))


def test_flow_beats_blend_on_a_real_moving_scene(real_data: Path) -> None:
    left, target, right = (
        read_image(real_data / "gopro240" / f"{number:06d}.png")[200:440, 300:620] for number in (1, 5, 9)
    )
    blend = (left / 255 + right / 255) / 2
    assert 2 * mean_square(FlowFrames()(left, right, 0.5), target) < mean_square(blend, target)


@pytest.fixture
def pair(real_data: Path) -> tuple[Image, Image]:
    folder = real_data / "vimeo90k" / "degraded" / "block"
    return read_image(folder / "im0003.png"), read_image(folder / "im0005.png")


def test_a_gray_scene_gives_the_same_from_one_channel_or_three(pair: tuple[Image, Image]) -> None:
    frame0, frame1 = (as_rgb(frame[..., 1]) for frame in pair)
    flows = DisFlow()(frame0, frame1), DisFlow()(frame1, frame0)
    expected = interpolate_pair(frame0, frame1, *flows, [0.25])[0] / 255
    np.testing.assert_allclose(FlowFrames()(frame0, frame1, 0.25), expected, atol=1e-5)


def test_no_flow_of_another_pair_is_kept(pair: tuple[Image, Image]) -> None:
    frame0, frame1 = pair
    frames = FlowFrames()
    first = frames(frame0, frame1, 0.5)
    np.testing.assert_array_equal(frames(frame1, frame0, 0.5), FlowFrames()(frame1, frame0, 0.5))
    np.testing.assert_array_equal(frames(frame0, frame1, 0.5), first)


def test_a_reader_gives_it_where_it_is_needed_and_not_elsewhere(tmp_path: Path) -> None:
    index = tiny_index(tmp_path, clips=2)
    sample = SampleReader(index, needs=Needs(flow_frame=True)).at(3)
    assert sample.flow_frame is not None
    np.testing.assert_array_equal(sample.flow_frame, FlowFrames()(sample.frame0, sample.frame1, sample.tau))
    assert SampleReader(index).at(3).flow_frame is None


def test_it_is_augmented_like_the_target() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (40, 50, 3), np.uint8)
    events = Events.empty(SensorSize(height=40, width=50))
    sample = replace(
        Sample("a", "a", image, image, image, events, 0, 100, 30), flow_frame=image.astype(np.float32) / np.float32(255)
    )
    for change in (flip_horizontal, transpose, reverse_time, lambda one: crop(one, (16, 20), 0.3, 0.6)):
        changed = change(sample)
        np.testing.assert_array_equal(changed.flow_frame, changed.target.astype(np.float32) / np.float32(255))

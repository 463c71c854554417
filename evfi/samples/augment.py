"""Random crop, flips, transposition and time reversal, applied to frames and events alike."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.representation import transforms
from evfi.samples.options import AugmentOptions
from evfi.samples.sample import Flow, Sample
from evfi.types import Events

_LEFTWARDS, _UPWARDS = np.array([-1, 1], np.float32), np.array([1, -1], np.float32)


def augment(sample: Sample, options: AugmentOptions, rng: np.random.Generator, *, step: int = 0) -> Sample:
    """A changed copy of the sample, without flows among its neighbours, which no training sample has.

    The random numbers drawn do not depend on the sample's content.

    Args:
        step: the training step, which decides the crop's side where several take turns.

    Raises:
        UserError: the crop is larger than the frame.
    """
    across, down, *flags = rng.random(6)
    if options.top_left is not None:
        sample = crop(sample, options.top_left, 0, 0)
    elif side := options.side(step):
        sample = crop(sample, (side, side), down, across)
    changes = (options.flip_horizontal, options.flip_vertical, options.transpose, options.reverse_time)
    for allowed, flag, change in zip(
        changes, flags, (flip_horizontal, flip_vertical, transpose, reverse_time), strict=True
    ):
        if allowed and flag < 0.5:
            sample = change(sample)
    return sample


def crop(sample: Sample, size: tuple[int, int], down: float, across: float) -> Sample:
    """A rectangle of (height, width) pixels; down and across in [0, 1) choose where it lies."""
    (high, wide), (height, width) = size, sample.frame0.shape[:2]
    if high > height or wide > width:
        raise UserError(
            f"a crop of {wide}x{high} pixels does not fit into a frame of {width}x{height}: choose a smaller crop"
        )
    top, left = int(down * (height - high + 1)), int(across * (width - wide + 1))
    return _changed(
        sample,
        lambda image: image[top : top + high, left : left + wide],
        lambda events: transforms.crop(events, top, left, high, wide),
        _same,
    )


def flip_horizontal(sample: Sample) -> Sample:
    """Mirror left and right."""
    return _changed(sample, lambda image: image[:, ::-1], transforms.flip_horizontal, lambda flow: flow * _LEFTWARDS)


def flip_vertical(sample: Sample) -> Sample:
    """Mirror top and bottom."""
    return _changed(sample, lambda image: image[::-1], transforms.flip_vertical, lambda flow: flow * _UPWARDS)


def transpose(sample: Sample) -> Sample:
    """Exchange rows and columns."""
    return _changed(sample, lambda image: image.swapaxes(0, 1), transforms.transpose, lambda flow: flow[..., ::-1])


def reverse_time(sample: Sample) -> Sample:
    """Play the sample backwards: frames exchanged, events mirrored in the window, polarity flipped."""
    return replace(
        sample,
        frame0=sample.frame1,
        frame1=sample.frame0,
        before=sample.after,
        after=sample.before,
        before_us=_mirrored(sample, sample.after_us),
        after_us=_mirrored(sample, sample.before_us),
        t_us=sample.t0_us + sample.t1_us - sample.t_us,
        events=transforms.reverse_time(sample.events, sample.t0_us, sample.t1_us),
        outer_events=_outer_reversed(sample),
        flow0=sample.flow1,
        flow1=sample.flow0,
        neighbours=None,
    )


def _outer_reversed(sample: Sample) -> Events | None:
    if sample.outer_events is None:
        return None
    start_us, end_us = sample.outer_window
    mirrored = transforms.reverse_time(sample.outer_events, start_us, end_us)
    # The mirror stands in the middle of the pair, not of the context frames.
    return replace(mirrored, t=mirrored.t + (sample.t0_us + sample.t1_us - start_us - end_us))


def _mirrored(sample: Sample, t_us: int | None) -> int | None:
    return None if t_us is None else sample.t0_us + sample.t1_us - t_us


def _changed(
    sample: Sample,
    image: Callable[[NDArray[Any]], NDArray[Any]],
    events: Callable[[Events], Events],
    vectors: Callable[[Flow], Flow],
) -> Sample:
    """A copy with all images, events and flows changed; a flow is moved like an image, then its `vectors` turned."""

    def optional(frame: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if frame is None else image(frame)

    def optional_flow(flow: Flow | None) -> Flow | None:
        return None if flow is None else vectors(image(flow))

    return replace(
        sample,
        frame0=image(sample.frame0),
        frame1=image(sample.frame1),
        target=optional(sample.target),
        before=optional(sample.before),
        after=optional(sample.after),
        events=events(sample.events),
        outer_events=None if sample.outer_events is None else events(sample.outer_events),
        flow0=optional_flow(sample.flow0),
        flow1=optional_flow(sample.flow1),
        neighbours=None,
        flow_frame=optional(sample.flow_frame),
    )


def _same(flow: Flow) -> Flow:
    return flow

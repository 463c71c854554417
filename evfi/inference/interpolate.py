"""Frames of a recording at any time between its frames, streamed: memory does not grow with the recording."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.errors import MissingInputError
from evfi.inference.cleaning import Cleaning, EventCleaner, Taken
from evfi.inference.predictor import Prediction, Predictor, load_predictor
from evfi.inference.quantise import quantised, saturated_share
from evfi.inference.windows import Times, Window, windows_at
from evfi.io.recording import FrameStream, Recording
from evfi.models.registry import family_named
from evfi.models.shipped import shipped_weights
from evfi.samples.flow_frame import FlowFrames
from evfi.samples.needs import SampleTimes
from evfi.samples.sample import Image, Sample, as_rgb
from evfi.types import Events

# The pair and its two context frames.
_KEPT_FRAMES = 4
_EXPOSURE_CHANGE = 1.2
_OPEN_FAMILY = "timelens"


def interpolate(
    recording: Recording,
    t_us: Any,
    weights: Path | str | None = None,
    *,
    device: str = "cpu",
    threads: int | None = None,
) -> Image:
    """Frames at the requested times, uint8 (N, H, W) for a gray recording, (N, H, W, 3) RGB for a colour one.

    A time that is exactly a frame's gives that frame, bit for bit. All events count, those of hot pixels too (`evfi
    interpolate` leaves them out; `evfi doctor --fix` writes a recording without them).

    Args:
        recording: with frames, as `evfi.io.recording.open_recording` gives it.
        t_us: one time or several, int microseconds, between the first and the last frame.
        weights: a safetensors file of any family; None = the open weights that come with evfi.
        device, threads: as in `load_predictor`.

    Raises:
        MissingInputError: the recording has no frames, or there are no weights.
        InputFileError: the weights are damaged or of an unknown family.
        UserError: a time outside the frames.
    """
    times = np.atleast_1d(np.asarray(t_us, np.int64))
    stream = frames_of(recording)
    windows_at(stream.t_us, times)
    predictor = load_predictor(_given_or_open(weights), device=device, threads=threads)
    frames = [*interpolated_frames(recording, times, predictor)]
    return np.stack(frames) if frames else np.empty((0, *stream.shape), np.uint8)


def _given_or_open(weights: Path | str | None) -> Path:
    if weights is not None:
        return Path(weights)
    family = family_named(_OPEN_FAMILY)
    shipped = shipped_weights(family)
    if shipped is None:
        raise MissingInputError(f"no open weights of {family.name} in this build of evfi: give weights=FILE")
    return shipped


def interpolated_frames(recording: Recording, times: Times, predictor: Predictor) -> Iterator[Image]:
    """The frames at `times` (int64 µs, any order) one after the other: uint8 (H, W) gray or (H, W, 3) RGB.

    Raises:
        MissingInputError: the recording has no frames.
        UserError: a time outside the frames.
    """
    return FrameInserter(recording, predictor, cleaning=Cleaning(hot_pixels=False)).frames(times)


def frames_of(recording: Recording) -> FrameStream:
    """The frames of a recording.

    Raises:
        MissingInputError: it has none, only events.
    """
    if recording.frames is None or not len(recording.frames):
        raise MissingInputError(
            f"{recording.path} has no frames, only events: frames can only be inserted between frames "
            "(record with a DAVIS)"
        )
    return recording.frames


class FrameInserter:
    """Predicts frames of one recording and counts what it did and what it found.

    Args:
        seen: called with the number of an inserted frame among all frames and with its prediction.
        cleaning: which events are left out.
        judge: called with every sample and its prediction.

    Attributes:
        predicted, copied: frames made and taken over.
        hot_pixels: pixels whose events were left out.
        removed_hot, removed_background: events left out of the gaps: those of hot pixels, and background activity.
        gaps_without_events: gaps between frames in which nothing but the frames told what to draw.
        gaps_with_exposure_change: gaps whose two frames were exposed for times that differ by more than a fifth.
        overexposed: mean share of saturated pixels of the frames that were read, 0 to 1.
    """

    def __init__(
        self,
        recording: Recording,
        predictor: Predictor,
        seen: Callable[[int, Prediction], None] | None = None,
        *,
        cleaning: Cleaning,
        judge: Callable[[Sample, Prediction], None] | None = None,
    ) -> None:
        self._recording = recording
        self._cleaner = EventCleaner(recording, cleaning)
        self._predictor = predictor
        self._seen = seen
        self._judge = judge
        self._stream = frames_of(recording)
        self._kept: dict[int, Image] = {}
        self._flow_frames = FlowFrames()
        self._silent: set[int] = set()
        self._removed: dict[int, tuple[int, int]] = {}
        self._exposure_changes: set[int] = set()
        self._saturated = self._read = 0.0
        self.predicted = 0
        self.copied = 0

    @property
    def hot_pixels(self) -> int:
        return self._cleaner.hot_pixel_count

    @property
    def removed_hot(self) -> int:
        return sum(hot for hot, _ in self._removed.values())

    @property
    def removed_background(self) -> int:
        return sum(background for _, background in self._removed.values())

    @property
    def gaps_without_events(self) -> int:
        return len(self._silent)

    @property
    def gaps_with_exposure_change(self) -> int:
        return len(self._exposure_changes)

    @property
    def overexposed(self) -> float:
        return self._saturated / self._read if self._read else 0.0

    def events(self, start_us: int, end_us: int) -> Events:
        """The events of [start_us, end_us) that count."""
        return self._cleaner.take(start_us, end_us).events

    def newest_input(self, t_us: int, _result: Image) -> Image:
        """The recording's newest frame at a time (before the first: the first)."""
        return self._frame(max(0, int(np.searchsorted(self._stream.t_us, t_us, side="right")) - 1))

    def frames(self, times: Times) -> Iterator[Image]:
        """The frames at `times`, in their order (see `interpolated_frames`)."""
        # windows_at checks the times here, at the call, and not when the first frame is asked for.
        return self._generated(windows_at(self._stream.t_us, times))

    def _generated(self, windows: Iterator[Window]) -> Iterator[Image]:
        for (frame0, frame1), in_gap in groupby(windows, key=lambda window: (window.frame0, window.frame1)):
            if frame0 == frame1:
                for _ in in_gap:
                    self.copied += 1
                    yield self._frame(frame0).copy()
            else:
                yield from self._inserted([*in_gap])

    def _inserted(self, windows: list[Window]) -> Iterator[Image]:
        size = self._predictor.batch_size
        samples = [*self._samples(windows)]
        for first in range(0, len(samples), size):
            batch = samples[first : first + size]
            for sample, prediction in zip(batch, self._predictor.predict(batch), strict=True):
                if self._seen is not None:
                    self._seen(self.predicted + self.copied, prediction)
                if self._judge is not None:
                    self._judge(sample, prediction)
                self.predicted += 1
                image = quantised(prediction.frame)
                yield image if len(self._stream.shape) == 3 else image[..., 0]

    def _samples(self, windows: list[Window]) -> Iterator[Sample]:
        """The samples of one gap; they share its frames and events."""
        gap = windows[0]
        t0_us, t1_us = int(self._stream.t_us[gap.frame0]), int(self._stream.t_us[gap.frame1])
        events = self._taken(gap, t0_us, t1_us).events
        if not len(events):
            self._silent.add(gap.frame0)
        if self._exposure_changed(gap):
            self._exposure_changes.add(gap.frame0)
        frame0, frame1 = as_rgb(self._frame(gap.frame0)), as_rgb(self._frame(gap.frame1))
        before = as_rgb(self._frame(gap.before)) if gap.before >= 0 else None
        after = as_rgb(self._frame(gap.after)) if gap.after >= 0 else None
        before_us = int(self._stream.t_us[gap.before]) if gap.before >= 0 else None
        after_us = int(self._stream.t_us[gap.after]) if gap.after >= 0 else None
        outer_window = SampleTimes(t0_us, t1_us, gap.t_us, before_us, after_us).outer_window
        outer_events = self._cleaner.take(*outer_window).events if self._predictor.needs.outer_events else None
        for window in windows:
            sample = Sample(
                sample_id=f"{self._recording.path.name}/{window.t_us}",
                sequence=self._recording.path.name,
                frame0=frame0,
                frame1=frame1,
                target=None,
                events=events,
                t0_us=t0_us,
                t1_us=t1_us,
                t_us=window.t_us,
                before=before,
                after=after,
                before_us=before_us,
                after_us=after_us,
                outer_events=outer_events,
            )
            if self._predictor.needs.flow_frame:
                sample = replace(sample, flow_frame=self._flow_frames(frame0, frame1, sample.tau))
            yield sample

    def _taken(self, gap: Window, t0_us: int, t1_us: int) -> Taken:
        taken = self._cleaner.take(t0_us, t1_us)
        if taken.hot or taken.background:
            self._removed[gap.frame0] = (taken.hot, taken.background)
        return taken

    def _frame(self, number: int) -> NDArray[np.uint8]:
        """A frame of the recording; the last few are kept, so that each is decoded once."""
        if number not in self._kept:
            if len(self._kept) >= _KEPT_FRAMES:
                self._kept.pop(next(iter(self._kept)))
            image = self._stream[number]
            self._kept[number] = image
            self._saturated += saturated_share(image)
            self._read += 1
        return self._kept[number]

    def _exposure_changed(self, gap: Window) -> bool:
        """Unknown exposures (start and end equal) tell nothing."""
        spans = self._stream.exposure_end_us - self._stream.exposure_start_us
        shorter, longer = sorted((int(spans[gap.frame0]), int(spans[gap.frame1])))
        return shorter > 0 and longer > _EXPOSURE_CHANGE * shorter

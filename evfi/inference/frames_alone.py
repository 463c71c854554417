"""Slow motion by a family that looks at frames alone: from a video, a folder of images or a recording, by halving."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from evfi.inference.composition import Composition, NewestInput, composed
from evfi.inference.plan import Asked, planned
from evfi.inference.predictor import Prediction, Predictor
from evfi.inference.quantise import saturated_share
from evfi.inference.recursion import frames_by_halving, rounds_of
from evfi.inference.summary import Summary
from evfi.inference.windows import Times, frames_between
from evfi.inference.writers import TimedFrame, write_frames
from evfi.io.frame_sources import FrameSource, open_frames

log = logging.getLogger(__name__)


def interpolate_frames(
    source: Path,
    out: Path,
    predictor: Predictor,
    asked: Asked,
    seen: Callable[[int, Prediction], None] | None = None,
    *,
    side_by_side: bool = False,
) -> Summary:
    """Write the frames of `source` with factor - 1 predicted between every two; nothing is held but a few frames.

    Args:
        source: a video, a folder of images with its times, or a recording.
        asked: a factor of 2, 4 or 8.
        seen: called with the number of an inserted frame among all frames and with its prediction.
        side_by_side: the newest frame of the source on the left of each.

    Raises:
        UserError: another factor, single times or a frame rate; fewer than two frames.
        MissingInputError, InputFileError: the source is absent, damaged, or has no frames.
        OutputError: `out` cannot be written.
    """
    rounds = rounds_of(predictor.family, asked.factor)
    factor = 2**rounds
    with open_frames(source, beside=out) as frames:
        frame_times = frames.t_us
        plan = planned(frame_times, asked)
        chosen = frames_between(frame_times, asked.start_us, asked.end_us)
        total = (len(chosen) - 1) * factor + 1
        if len(plan.t_us) != total:
            log.warning(
                "%s: its frames are not evenly spaced; every gap gets %d frames, so that longer ones play faster",
                source,
                factor - 1,
            )
        reading = _Reading(frames, chosen)
        begin = time.perf_counter()
        halved = frames_by_halving(reading, factor, predictor, seen)
        made: Iterable[TimedFrame] = ((frame.image, frame.t_us) for frame in halved)
        if side_by_side:
            shown = Composition(side_by_side=True)
            made = composed(made, shown, times=plan.t_us, input_at=NewestInput(frame_times), events=None)
        write_frames(out, made, total=total, fps=plan.playback_fps)
        seconds = time.perf_counter() - begin
    inserted = max(0, reading.count - 1) * (factor - 1)
    return Summary(
        out=str(out),
        family=predictor.family,
        capture_fps=plan.capture_fps,
        playback_fps=plan.playback_fps,
        slow_down=plan.slow_down,
        frames_in=len(frame_times),
        frames_kept=reading.count,
        frames_inserted=inserted,
        frames_out=reading.count + inserted,
        hot_pixels=None,
        removed_hot=None,
        removed_background=None,
        gaps_without_events=None,
        gaps_with_exposure_change=None,
        overexposed=reading.saturated / max(1, reading.count),
        seconds=seconds,
    )


class _Reading:
    """Those frames of a source that lie between the first and the last of the chosen times, counted as they pass."""

    def __init__(self, frames: FrameSource, chosen: Times) -> None:
        self._frames = frames
        self._first_us, self._last_us = int(chosen[0]), int(chosen[-1])
        self.count, self.saturated = 0, 0.0

    def __iter__(self) -> Iterator[TimedFrame]:
        for piece in self._frames.pieces():
            for image, t_us in zip(piece.image, piece.t_us.tolist(), strict=True):
                if t_us > self._last_us:
                    return
                if t_us >= self._first_us:
                    self.count += 1
                    self.saturated += saturated_share(image)
                    # A view would keep the whole piece, some 32 MB.
                    yield image.copy(), t_us

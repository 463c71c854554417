"""From a recording's file to a slow-motion file: what `evfi interpolate` does."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from evfi.errors import UserError
from evfi.inference.cleaning import Cleaning
from evfi.inference.composition import Composition, composed
from evfi.inference.frames_alone import interpolate_frames
from evfi.inference.interpolate import FrameInserter, frames_of
from evfi.inference.plan import Asked, planned
from evfi.inference.predictor import Prediction, Predictor, load_predictor
from evfi.inference.quantise import quantised
from evfi.inference.summary import Summary
from evfi.inference.writers import TimedFrame, check_output, write_frames
from evfi.io.atomic import writing
from evfi.io.images import write_png
from evfi.io.importers.pairs import is_video
from evfi.io.opening import opened
from evfi.models.registry import FAMILIES
from evfi.samples.sample import Sample


class Judge(Protocol):
    """Scores inserted frames."""

    judged: int

    def __call__(self, sample: Sample, prediction: Prediction) -> None:
        """Take one inserted frame."""
        ...

    @property
    def mean(self) -> float:
        """The mean score; NaN where no frame could be judged."""
        ...


def interpolate_file(
    source: Path,
    out: Path,
    *,
    weights: Path,
    asked: Asked,
    cleaning: Cleaning | None = None,
    intermediates: Path | None = None,
    composition: Composition | None = None,
    judge: Judge | None = None,
    **computing: Any,
) -> Summary:
    """Write the frames that are asked for, those of the recording among them (bit for bit where nothing is compressed).

    Args:
        source: a recording store, or an .aedat4 file (ingested into a temporary store beside `out`). For a family that
            looks at frames alone also a video or a folder of images with its times.
        out: .mp4, .webp, .gif, .zarr (a frame store), or a folder of PNGs (no ending).
        cleaning: which events are left out; default: those of hot pixels.
        intermediates: a folder for the images on the way to each inserted frame; None = they are dropped.
        composition: what a frame of the output shows; default: the result alone.
        judge: scores every inserted frame by the recording's events, for the summary.
        computing: device, threads, batch_size, precision, max_bytes (as in `load_predictor`).

    Raises:
        UserError: times that cannot be, fewer than two frames, or an output of an unknown kind.
        MissingInputError, InputFileError: source or weights are absent, damaged, or have no frames.
        OutputError: `out` cannot be written.
    """
    asked.check()
    cleaning = cleaning or Cleaning()
    cleaning.check()
    check_output(out)
    composition = composition or Composition()
    composition.check(out)
    if intermediates is not None:
        check_output(intermediates, kinds=("png",))
    predictor = load_predictor(weights, **computing)
    with ExitStack() as stack:
        pictures = None if intermediates is None else stack.enter_context(_Pictures.writing(intermediates))
        if not predictor.needs.events:
            if composition.with_events:
                raise UserError(f"{predictor.family} looks at frames alone: it has no events for --with-events")
            return interpolate_frames(source, out, predictor, asked, pictures, side_by_side=composition.side_by_side)
        return _interpolate_recording(source, out, predictor, asked, cleaning, pictures, composition, judge)


def _interpolate_recording(
    source: Path,
    out: Path,
    predictor: Predictor,
    asked: Asked,
    cleaning: Cleaning,
    pictures: "_Pictures | None",
    composition: Composition,
    judge: Judge | None,
) -> Summary:
    if is_video(source):
        others = " or ".join(f"--family {family.name}" for family in FAMILIES.values() if not family.needs.events)
        raise UserError(
            f"{source} is a video without events, which the family {predictor.family} needs: give the recording that "
            f"holds both, or choose {others}, which looks at frames alone"
        )
    with opened(source, beside=out) as recording:
        frame_times = frames_of(recording).t_us
        plan = planned(frame_times, asked)
        inserter = FrameInserter(recording, predictor, pictures, cleaning=cleaning, judge=judge)
        begin = time.perf_counter()
        frames: Iterable[TimedFrame] = zip(inserter.frames(plan.t_us), plan.t_us.tolist(), strict=True)
        if not composition.is_plain:
            frames = composed(
                frames, composition, times=plan.t_us, input_at=inserter.newest_input, events=inserter.events
            )
        write_frames(out, frames, total=len(plan.t_us), fps=plan.playback_fps)
        seconds = time.perf_counter() - begin
    return Summary(
        out=str(out),
        family=predictor.family,
        capture_fps=plan.capture_fps,
        playback_fps=plan.playback_fps,
        slow_down=plan.slow_down,
        frames_in=len(frame_times),
        frames_kept=inserter.copied,
        frames_inserted=inserter.predicted,
        frames_out=len(plan.t_us),
        hot_pixels=inserter.hot_pixels,
        removed_hot=inserter.removed_hot,
        removed_background=inserter.removed_background,
        gaps_without_events=inserter.gaps_without_events,
        gaps_with_exposure_change=inserter.gaps_with_exposure_change,
        overexposed=inserter.overexposed,
        seconds=seconds,
        event_consistency=None if judge is None else judge.mean,
        judged=None if judge is None else judge.judged,
    )


class _Pictures:
    """Keeps the intermediate images of inserted frames as <name>/<number of the frame>.png."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    @contextmanager
    def writing(cls, folder: Path) -> "Iterator[_Pictures]":
        with writing(folder) as partial:
            partial.mkdir()
            yield cls(partial)

    def __call__(self, number: int, prediction: Prediction) -> None:
        for name, image in prediction.intermediates.items():
            (self._folder / name).mkdir(exist_ok=True)
            write_png(self._folder / name / f"{number:06d}.png", quantised(image))

"""From a recording's file to a slow-motion file: what `evfi interpolate` does."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evfi.inference.cleaning import Cleaning
from evfi.inference.interpolate import FrameInserter, frames_of
from evfi.inference.plan import Asked, planned
from evfi.inference.predictor import Prediction, load_predictor
from evfi.inference.quantise import quantised
from evfi.inference.writers import check_output, write_frames
from evfi.io.atomic import writing
from evfi.io.images import write_png
from evfi.io.opening import opened

_SAME_SPEED = 0.005


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. Rates in frames per second; `seconds` of wall time for all frames.

    Attributes:
        slow_down: how many times slower it plays than it happened; None for single times.
        hot_pixels, removed_hot: pixels that were masked, and their events in the gaps.
        removed_background: further events in the gaps that were taken for noise.
        overexposed: mean share of saturated pixels in the recording's frames, 0 to 1.
    """

    out: str
    family: str
    capture_fps: float
    playback_fps: float
    slow_down: float | None
    frames_in: int
    frames_kept: int
    frames_inserted: int
    frames_out: int
    hot_pixels: int
    removed_hot: int
    removed_background: int
    gaps_without_events: int
    gaps_with_exposure_change: int
    overexposed: float
    seconds: float

    @property
    def inserted_per_second(self) -> float:
        """Speed: inserted frames per second of wall time."""
        return self.frames_inserted / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {**asdict(self), "inserted_per_second": self.inserted_per_second}

    def __str__(self) -> str:
        """The closing line for a person."""
        slower = "" if self.slow_down is None else f", {_slower(self.slow_down)}"
        return (
            f"{self.out}: captured at {self.capture_fps:.2f} fps, plays at {self.playback_fps:.2f} fps{slower}; "
            f"{self.frames_kept} frames kept + {self.frames_inserted} inserted by {self.family} = {self.frames_out}, "
            f"{self.inserted_per_second:.2f} inserted frames/s; removed {self._removed}; "
            f"{self.gaps_without_events} gaps without any event, "
            f"{self.gaps_with_exposure_change} with an exposure change above 20 %, "
            f"{self.overexposed:.1%} of the frames' area overexposed"
        )

    @property
    def _removed(self) -> str:
        hot = f"{self.removed_hot} events of {self.hot_pixels} hot pixels"
        return hot if not self.removed_background else f"{hot} and {self.removed_background} of background activity"


def _slower(slow_down: float) -> str:
    if abs(slow_down - 1) < _SAME_SPEED:
        return "as fast as it happened"
    return f"{slow_down:.4g} times slower" if slow_down > 1 else f"{1 / slow_down:.4g} times faster"


def interpolate_file(
    source: Path,
    out: Path,
    *,
    weights: Path,
    asked: Asked,
    cleaning: Cleaning | None = None,
    intermediates: Path | None = None,
    **computing: Any,
) -> Summary:
    """Write the frames that are asked for, those of the recording among them (bit for bit where nothing is compressed).

    Args:
        source: a recording store, or an .aedat4 file (ingested into a temporary store beside `out`).
        out: .mp4, .webp, .gif, .zarr (a frame store), or a folder of PNGs (no ending).
        cleaning: which events are left out; default: those of hot pixels.
        intermediates: a folder for the images on the way to each inserted frame; None = they are dropped.
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
    if intermediates is not None:
        check_output(intermediates, kinds=("png",))
    predictor = load_predictor(weights, **computing)
    with opened(source, beside=out) as recording, ExitStack() as stack:
        frame_times = frames_of(recording).t_us
        plan = planned(frame_times, asked)
        pictures = None if intermediates is None else stack.enter_context(_Pictures.writing(intermediates))
        inserter = FrameInserter(recording, predictor, pictures, cleaning=cleaning)
        begin = time.perf_counter()
        write_frames(out, inserter.frames(plan.t_us), plan.t_us, fps=plan.playback_fps)
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

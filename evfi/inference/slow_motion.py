"""From a recording's file to a slow-motion file: what `evfi interpolate` does."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evfi.inference.interpolate import FrameInserter, frames_of
from evfi.inference.predictor import load_predictor
from evfi.inference.windows import capture_rate, check_factor, times_of_factor
from evfi.inference.writers import check_output, write_frames
from evfi.io.opening import opened


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. Rates in frames per second; `seconds` of wall time for all frames."""

    out: str
    family: str
    factor: int
    capture_fps: float
    playback_fps: float
    slow_down: float
    frames_in: int
    frames_inserted: int
    frames_out: int
    gaps_without_events: int
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
        silent = f"; {self.gaps_without_events} gaps without any event" if self.gaps_without_events else ""
        return (
            f"{self.out}: captured at {self.capture_fps:.2f} fps, plays at {self.playback_fps:.2f} fps, "
            f"{self.slow_down:g} times slower; {self.frames_in} frames kept + {self.frames_inserted} inserted by "
            f"{self.family} = {self.frames_out}, {self.inserted_per_second:.2f} inserted frames/s{silent}"
        )


def interpolate_file(
    source: Path,
    out: Path,
    *,
    factor: int,
    weights: Path,
    device: str = "cpu",
    threads: int | None = None,
    batch_size: int = 4,
) -> Summary:
    """Insert factor - 1 frames between each two frames of a recording and write all of them to `out`.

    The recording's own frames are kept (bit for bit in a PNG folder). Playback is at the rate of capture, so that the
    result is `factor` times slower.

    Args:
        source: a recording store, or an .aedat4 file (ingested into a temporary store beside `out`).
        out: .mp4, .webp, or a folder of PNGs (no ending).

    Raises:
        UserError: a factor below 2, fewer than two frames, or an output of an unknown kind.
        MissingInputError, InputFileError: source or weights are absent, damaged, or have no frames.
        OutputError: `out` cannot be written.
    """
    check_factor(factor)
    check_output(out)
    predictor = load_predictor(weights, device=device, threads=threads, batch_size=batch_size)
    with opened(source, beside=out) as recording:
        frame_times = frames_of(recording).t_us
        times = times_of_factor(frame_times, factor)
        fps = capture_rate(frame_times)
        inserter = FrameInserter(recording, predictor)
        begin = time.perf_counter()
        write_frames(out, inserter.frames(times), times, fps=fps)
        seconds = time.perf_counter() - begin
    return Summary(
        out=str(out),
        family=predictor.family,
        factor=factor,
        capture_fps=fps,
        playback_fps=fps,
        slow_down=float(factor),
        frames_in=len(frame_times),
        frames_inserted=inserter.predicted,
        frames_out=len(times),
        gaps_without_events=inserter.gaps_without_events,
        seconds=seconds,
    )

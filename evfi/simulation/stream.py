"""Frames of any length into a file of events: what `evfi simulate` does with a folder, a video or a recording."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from evfi.errors import InputFileError, UserError
from evfi.io.frame_sources import FrameSource, open_frames
from evfi.io.recording_pieces import cut_at
from evfi.io.sinks.formats import FORMATS, format_for
from evfi.io.sinks.sink import NO_ARRAYS, Arrays, Heading, Sink
from evfi.io.sinks.store import store_sink
from evfi.progress import tracked
from evfi.simulation.options import SIMULATION_ALGO_VERSION, SimulationOptions
from evfi.simulation.simulate import Simulator
from evfi.simulation.upsample import recorded_options
from evfi.types import Events, Frames

_SINKS = {
    ".zarr": partial(store_sink, algo_version=SIMULATION_ALGO_VERSION),
    **{ending: FORMATS[ending].open for ending in (".h5", ".npz", ".aedat4")},
}


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was made. seconds: wall time; subframes: fewest and most upsampled steps of an interval; bounded: intervals
    in which `max_subframes` was fewer than motion asked for."""

    out: Path
    frames: int
    events: int
    seconds: float
    subframes: tuple[int, int]
    bounded: int

    def __str__(self) -> str:
        """The closing line for a person."""
        least, most = self.subframes
        rate = self.events / max(self.seconds, 1e-3)
        return (
            f"{self.out}: {self.events} events of {self.frames} frames, {rate:,.0f} events/s; {least} to {most} "
            f"sub-frames an interval, fewer than motion asked for in {self.bounded} of {self.frames - 1} intervals"
        )


def simulate_file(
    source: Path,
    out: Path,
    options: SimulationOptions,
    *,
    seed: int = 0,
    fps: float | None = None,
    time_unit: str | None = None,
) -> Simulated:
    """Simulate the events of the frames at `source` into `out`, piece by piece: memory does not grow with their number.

    Args:
        source, fps, time_unit: as `open_frames`.
        out: .zarr (a recording store: frames, events, and how they were made), .h5 (DSEC layout, with frames), .npz
            (events alone) or .aedat4 (with frames).

    Raises:
        UserError, MissingInputError, InputFileError: see `open_frames` and `Simulator.feed`; fewer than two frames; an
            output with another ending, or equal to the source. Nothing is written.
        OutputError: `out` cannot be written.
    """
    ending = format_for(out, _SINKS)
    if source.resolve() == out.resolve():
        raise UserError(f"{out} cannot be made from itself: give the output another name")
    start = time.monotonic()
    with open_frames(source, fps=fps, time_unit=time_unit, beside=out) as frames:
        pieces = frames.pieces()
        first = next(pieces, None)
        if first is None:
            raise InputFileError(f"{source} holds no frame that can be decoded: check the file")
        run = _Run(frames, Simulator(first.sensor_size, options, seed=seed))
        with _SINKS[ending](out, Heading(first.sensor_size)) as sink:
            run.simulate(chain([first], pieces), sink, source)
            sink.add_facts(run.facts(seed), run.arrays())
    subframes = run.simulator.subframes
    return Simulated(
        out=out,
        frames=run.frame_count,
        events=run.event_count,
        seconds=time.monotonic() - start,
        subframes=(min(subframes), max(subframes)),
        bounded=run.simulator.bounded,
    )


class _Run:
    """One simulation on its way from a source into a sink."""

    def __init__(self, frames: FrameSource, simulator: Simulator) -> None:
        self.frames, self.simulator = frames, simulator
        self.event_count = self.frame_count = 0

    def simulate(self, pieces: Iterable[Frames], sink: Sink, source: Path) -> None:
        """Feed all pieces, each with its progress shown."""
        shown = tracked(
            pieces,
            total=self.frames.expected,
            label=f"simulating {source.name}",
            unit="frame",
            size=len,
            made=lambda: self.event_count,
            made_unit="events",
        )
        for piece in shown:
            *parts, rest = cut_at(self.simulator.feed(piece.image, piece.t_us), piece.t_us)
            for number, part in enumerate(parts):
                self._add(sink, part)
                sink.add_frames(piece.take(slice(number, number + 1)))
            self._add(sink, rest)
            self.frame_count += len(piece)
        if self.frame_count < 2:
            raise InputFileError(
                f"{source} holds {self.frame_count} frame: events come from changes between at least two"
            )
        self._add(sink, self.simulator.finish())

    def _add(self, sink: Sink, events: Events) -> None:
        sink.add_events(events)
        self.event_count += len(events)

    def facts(self, seed: int) -> dict[str, Any]:
        """Where the frames come from, and what the events were simulated with."""
        simulator = self.simulator
        return {
            "source": self.frames.facts(),
            "repairs": self.frames.repairs,
            "simulation": {
                "algo_version": SIMULATION_ALGO_VERSION,
                "options": recorded_options(simulator.options),
                "seed": seed,
                "contrast_pos": simulator.contrast.pos,
                "contrast_neg": simulator.contrast.neg,
                "subframes": {"fewest": min(simulator.subframes), "most": max(simulator.subframes)},
                "bounded_intervals": simulator.bounded,
            },
        }

    def arrays(self) -> Arrays:
        """The thresholds of every pixel, float32 (H, W) as in a clip store, where they differ from pixel to pixel."""
        if not self.simulator.options.noise.threshold_sigma:
            return NO_ARRAYS
        pixels = self.simulator.pixels
        return {
            "simulation/contrast_pos": pixels.contrast_pos.astype(np.float32),
            "simulation/contrast_neg": pixels.contrast_neg.astype(np.float32),
        }

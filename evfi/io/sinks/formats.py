"""The formats that a recording can be written to, by the ending of the output, and what survives in each."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from evfi.errors import UserError
from evfi.io.recording import Recording
from evfi.io.sinks.dsec import dsec_sink
from evfi.io.sinks.film import film_sink
from evfi.io.sinks.hs_ergb import hs_ergb_sink
from evfi.io.sinks.plain import aedat4_sink, npz_sink
from evfi.io.sinks.sink import Heading, Sink


class Feature(Enum):
    """What a recording store can hold; the values are the words of docs/formats.md."""

    EVENTS = "events"
    OUTER_EVENTS = "events before the first or after the last frame"
    SUBPIXEL = "fractions of a pixel"
    FRAMES = "frames"
    FRAME_TIMES = "frame times"
    EXPOSURES = "exposure start and end"
    UNEVEN_TIMES = "frame times off the middle of the exposure"
    TRUTH = "held-out true frames"
    OTHER = "other streams"
    ORIGIN = "source, repairs and conventions"


@dataclass(frozen=True, slots=True)
class Format:
    """One format. open: a context with the sink. keeps: what comes back equal when the file is read."""

    name: str
    open: Callable[[Path, Heading], AbstractContextManager[Sink]]
    keeps: frozenset[Feature]
    needs_frames: bool = False


_EVENTS = frozenset({Feature.EVENTS, Feature.OUTER_EVENTS})
_FRAMES = frozenset({Feature.FRAMES, Feature.FRAME_TIMES})
FORMATS = {
    ".aedat4": Format("aedat4", aedat4_sink, _EVENTS | _FRAMES | {Feature.EXPOSURES}),
    ".h5": Format(
        "HDF5 (DSEC layout)",
        dsec_sink,
        _EVENTS | _FRAMES | {Feature.SUBPIXEL, Feature.EXPOSURES, Feature.UNEVEN_TIMES, Feature.ORIGIN},
    ),
    ".npz": Format("npz", npz_sink, _EVENTS | {Feature.SUBPIXEL}),
    "": Format("HS-ERGB folder", hs_ergb_sink, _FRAMES | {Feature.EVENTS, Feature.SUBPIXEL}, needs_frames=True),
    ".mp4": Format("MP4 to look at", film_sink, frozenset(), needs_frames=True),
}


def format_for(out: Path, endings: Iterable[str]) -> str:
    """The ending of `out`, in lower case, if it is among `endings` ("" stands for a folder).

    Raises:
        UserError: it is not.
    """
    ending = out.suffix.lower()
    if ending not in endings:
        known = [each or "no ending (a folder)" for each in endings]
        raise UserError(f"the output must have {', '.join(known[:-1])} or {known[-1]}, got {out}")
    return ending


def features_of(recording: Recording) -> set[Feature]:
    """What a recording holds of the things that some format cannot keep."""
    found = {Feature.ORIGIN} if recording.attributes.get("source") else set()
    if recording.event_count:
        found.add(Feature.EVENTS)
        if recording.event_rows(0, 1).x.dtype.kind == "f":
            found.add(Feature.SUBPIXEL)
    if recording.other_streams:
        found.add(Feature.OTHER)
    if recording.truth is not None:
        found.add(Feature.TRUTH)
    if (frames := recording.frames) is not None:
        found |= {Feature.FRAMES, Feature.FRAME_TIMES}
        if recording.event_count and (recording.start_us <= frames.t_us[0] or recording.end_us - 1 > frames.t_us[-1]):
            found.add(Feature.OUTER_EVENTS)
        if (frames.exposure_start_us != frames.exposure_end_us).any():
            found.add(Feature.EXPOSURES)
        if (frames.t_us != (frames.exposure_start_us + frames.exposure_end_us) // 2).any():
            found.add(Feature.UNEVEN_TIMES)
    return found

"""From a recording to a file that other programs read; what does not survive is named."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evfi.errors import MissingInputError, UserError
from evfi.io.opening import opened
from evfi.io.recording import FrameStream, Recording
from evfi.io.recording_pieces import event_pieces, pieces_in_time_order
from evfi.io.sinks.formats import FORMATS, Feature, features_of, format_for
from evfi.io.sinks.hs_ergb import EVENTS_FOLDER, IMAGES_FOLDER, TIMES_FILE
from evfi.io.sinks.sink import UNNAMED_CAMERA, Heading, Sink
from evfi.progress import tracked
from evfi.types import Events, Frames
from evfi.units import US_PER_S

_OWN_NAMES = {EVENTS_FOLDER, IMAGES_FOLDER, TIMES_FILE}
_NOT_FACTS = ("schema", "version", "sensor_size")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: events and frames that the format took, and what it could not keep."""

    out: Path
    format: str
    events: int
    frames: int
    lost: tuple[str, ...]

    def __str__(self) -> str:
        """The closing line for a person."""
        lost = f"; does not survive: {', '.join(self.lost)}" if self.lost else ""
        return f"{self.out}: {self.format} of {self.events} events and {self.frames} frames{lost}"


def export(source: Path, out: Path) -> Exported:
    """Write a recording (a store, or a file that `evfi ingest` takes) in another format, in constant memory.

    Args:
        out: .aedat4, .h5 (DSEC layout), .npz, .mp4, or no ending: an HS-ERGB folder. docs/formats.md says what
            survives in each.

    Raises:
        UserError: another ending, a folder that holds other things, or content that the format refuses.
        MissingInputError: the source is absent, or has no frames where the format needs them.
        InputFileError: the source is damaged.
        OutputError: `out` cannot be written.
    """
    ending = format_for(out, FORMATS)
    if source.resolve() == out.resolve():
        raise UserError(f"{out} cannot be made from itself: give the output another name")
    _refuse_foreign_folder(out)
    chosen = FORMATS[ending]
    with opened(source, beside=out) as recording:
        if chosen.needs_frames and recording.frames is None:
            raise MissingInputError(f"{source} has no frames, only events: {chosen.name} needs frames")
        with chosen.open(out, heading_of(recording)) as sink:
            sink.add_facts(facts_of(recording))
            with_frames = Feature.FRAMES in chosen.keeps or chosen.needs_frames
            pieces = pieces_in_time_order(recording) if with_frames else event_pieces(recording)
            if Feature.EVENTS in chosen.keeps and Feature.OUTER_EVENTS not in chosen.keeps and recording.frames:
                pieces = _between_frames(pieces, recording.frames)
            counts = _write(pieces, sink, out.name)
        lost = _named(features_of(recording) - chosen.keeps, recording)
    return Exported(out, chosen.name, counts["events"], counts["frames"], lost)


def heading_of(recording: Recording) -> Heading:
    """What a sink is told of a recording. A film of it plays at one frame per median interval."""
    frames = recording.frames
    fps = None
    if frames is not None and len(frames) > 1:
        fps = US_PER_S / float(np.median(np.diff(frames.t_us)))
    camera = recording.attributes.get("source", {}).get("camera")
    return Heading(recording.sensor_size, with_frames=frames is not None, camera=camera or UNNAMED_CAMERA, fps=fps)


def facts_of(recording: Recording) -> dict[str, Any]:
    """What the recording's writer said of its origin."""
    return {name: value for name, value in recording.attributes.items() if name not in _NOT_FACTS}


def _write(pieces: Iterable[Events | Frames], sink: Sink, name: str) -> Counter[str]:
    """All pieces into the sink; how many events and frames there were."""
    counts: Counter[str] = Counter()
    shown = tracked(pieces, label=f"writing {name}", unit="piece", made=lambda: counts["events"], made_unit="events")
    for piece in shown:
        if isinstance(piece, Events):
            sink.add_events(piece)
            counts["events"] += len(piece)
        else:
            sink.add_frames(piece)
            counts["frames"] += len(piece)
    return counts


def _between_frames(pieces: Iterable[Events | Frames], frames: FrameStream) -> Iterator[Events | Frames]:
    """Without the events up to the first and after the last frame: a format cut at frames has no file for them."""
    first_us, last_us = int(frames.t_us[0]), int(frames.t_us[-1])
    for piece in pieces:
        if not isinstance(piece, Events):
            yield piece
        elif len(inside := piece.take((piece.t > first_us) & (piece.t <= last_us))):
            yield inside


def _named(lost: set[Feature], recording: Recording) -> tuple[str, ...]:
    others = f" ({', '.join(recording.other_streams)})"
    return tuple(feature.value + others * (feature is Feature.OTHER) for feature in Feature if feature in lost)


def _refuse_foreign_folder(out: Path) -> None:
    """An earlier export may be replaced, nothing else that is a folder."""
    if not out.is_dir():
        return
    foreign = sorted(item.name for item in out.iterdir() if out.suffix or item.name not in _OWN_NAMES)
    if foreign:
        raise UserError(f"{out} is a folder that holds other things ({foreign[0]}): choose a new name for the output")

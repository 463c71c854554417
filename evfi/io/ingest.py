"""From a recording file to a recording store with its receipt."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evfi.errors import InputFileError, UserError
from evfi.io.atomic import writing
from evfi.io.images import frame_folder_pieces
from evfi.io.importers.options import ImportOptions
from evfi.io.readers import RecordingReader, kind_of
from evfi.io.recording import RECORDING, RecordingWriter
from evfi.io.stores import finish_store
from evfi.progress import tracked
from evfi.provenance import digest_file, digest_folder
from evfi.types import Frames, SensorSize
from evfi.versions import ALGO_VERSIONS

log = logging.getLogger(__name__)
_GAPS_NAMED = 3
INGEST_ALGO_VERSION = ALGO_VERSIONS["ingest"]


def ingest(
    source: Path,
    out: Path,
    truth: Path | None = None,
    camera: str | None = None,
    options: ImportOptions | None = None,
) -> dict[str, Any]:
    """Read a recording into the store `out` (x.zarr), streaming; write x.json beside it and return it.

    All frames are kept, also those before the first or after the last event. What had to be left out is counted
    under `repairs` and logged.

    Args:
        truth: a frame folder (PNG, timestamps.txt in µs, optionally exposures.txt) of held-out reference frames on
            the same clock and the same pixels.
        camera: name of the camera to read; None: the only one.
        options: what the file does not say itself.

    Raises:
        MissingInputError, InputFileError: the source or truth is absent or damaged.
        UserError: `out` does not end in .zarr.
        OutputError: the store cannot be written.
    """
    if out.suffix != ".zarr":
        raise UserError(f"a store ends in .zarr, got {out}: `evfi export` writes other files")
    options = options or ImportOptions()
    kind = kind_of(source)
    reader = kind.open(source, camera, options)
    with writing(out) as partial:
        store = RecordingWriter(partial, reader.sensor_size)
        counts = {"events": 0, "frames": 0, "truth": 0}
        for piece in tracked(reader.batches(), label=f"reading {source.name}", unit="packet"):
            if isinstance(piece, Frames):
                piece = piece.shifted(options.frame_shift_us)
            stream = store.add(piece)
            counts[stream] = counts.get(stream, 0) + len(piece)
        for piece in _truth(truth, reader.sensor_size):
            store.add_truth(piece)
            counts["truth"] += len(piece)
        if not counts["events"] and not counts["frames"]:
            raise InputFileError(f"{source} holds neither events nor frames: record it again")
        about = {
            "source": {
                "file": source.name,
                "sha256": _digest(source),
                "frames_sha256": None if options.frames is None else _digest(options.frames),
                "format": kind.name,
                "reader": "evfi",
                "camera": reader.camera,
            },
            "repairs": {**reader.repairs, "frames_shifted_us": options.frame_shift_us},
            "lost": reader.lost,
        }
        store.finish(about)
        content = {**about, "counts": counts, "truth": None if truth is None else digest_folder(truth)}
        receipt = finish_store(out, partial, RECORDING, algo_version=INGEST_ALGO_VERSION, content=content)
    _say(source, counts, reader)
    return receipt


def _truth(folder: Path | None, size: SensorSize) -> Iterator[Frames]:
    if folder is None:
        return
    for piece in frame_folder_pieces(folder, "us"):
        if piece.sensor_size != size:
            raise InputFileError(f"{folder} holds frames of {piece.sensor_size} pixels, the recording is {size}")
        yield piece


def _digest(path: Path) -> str:
    return digest_file(path) if path.is_file() else digest_folder(path)


def _say(source: Path, counts: dict[str, int], reader: RecordingReader) -> None:
    log.info("%s: %s", source, ", ".join(f"{count} {name}" for name, count in counts.items()))
    found = {name: count for name, count in reader.repairs.items() if count}
    if found:
        log.warning("%s: repaired: %s", source, ", ".join(f"{count} {name}" for name, count in found.items()))
    if reader.lost:
        log.warning("%s: lost: %s", source, _lost_in_words(reader.lost))
    if not counts["frames"]:
        log.warning("%s has no frames, only events: it can be viewed and exported, not interpolated", source)


def _lost_in_words(lost: dict[str, Any]) -> str:
    gaps = [f"{start or 'the start'} to {end or 'the end'}" for start, end in lost["gaps"][:_GAPS_NAMED]]
    more = len(lost["gaps"]) - _GAPS_NAMED
    others = f" and {more} more" if more > 0 else ""
    return f"{lost['packets']} packets, {lost['bytes']} bytes, between (in µs) {', '.join(gaps)}{others}"

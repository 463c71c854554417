"""All checks of one recording, from its files to what its streams say of each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from evfi.doctor.contrast import estimate, estimate_findings
from evfi.doctor.event_survey import survey_events
from evfi.doctor.file_checks import (
    lost_findings,
    plausible,
    raw_findings,
    repair_findings,
    stored_findings,
    survey_raw,
)
from evfi.doctor.findings import Finding
from evfi.doctor.folder_checks import file_order, interval_shift, is_in_order
from evfi.doctor.pixel_checks import hot_pixels, pixel_findings
from evfi.doctor.stream_checks import event_findings, frame_findings
from evfi.errors import EvfiError, InputFileError, UserError
from evfi.io.importers.ergb_folders import ErgbFolder
from evfi.io.importers.layout import LayoutReader
from evfi.io.importers.options import ImportOptions, TimeUnit
from evfi.io.importers.time_units import US_PER_UNIT
from evfi.io.ingest import ingest
from evfi.io.readers import RecordingReader, check_there, kind_of, open_reader
from evfi.io.recording import Recording, open_recording
from evfi.io.stores import is_store

_FOLDERS = {"hs-ergb": -1, "bs-ergb": 0}


@dataclass(frozen=True, eq=False, slots=True)
class Examination:
    """The findings in order, and the recording as evfi reads it (None where it cannot be read)."""

    findings: list[Finding]
    recording: Recording | None


@contextmanager
def examined(path: Path, options: ImportOptions, *, seed: int = 0) -> Iterator[Examination]:
    """Examine a recording: a store, or any file or folder that `evfi ingest` takes.

    A file is read into a temporary store, which lasts as long as the context.

    Raises:
        MissingInputError: nothing is there.
        UserError: it is no recording.
    """
    check_there(path)
    if is_store(path):
        recording = open_recording(path)
        found = stored_findings(recording.attributes.get("repairs") or {})
        found += lost_findings(recording.attributes.get("lost") or {})
        yield Examination(found + _streams(recording, seed), recording)
        return
    kind = kind_of(path)
    with TemporaryDirectory(prefix="evfi-doctor-") as folder:
        found: list[Finding] = []
        try:
            if kind.name in _FOLDERS:
                options = _with_order(path, options, found)
            options, reader = _readable(path, options, found)
            if isinstance(reader, LayoutReader):
                found += raw_findings(survey_raw(reader.layout, reader.meaning), reader.meaning)
                if kind.name in _FOLDERS:
                    found += _beside_images(path, options, _FOLDERS[kind.name])
            store = Path(folder) / "recording.zarr"
            receipt = ingest(path, store, options=options)
        except EvfiError as error:
            found.append(Finding("readable", " ".join(str(error).split()), "wrong", "as it says"))
            yield Examination(found, None)
            return
        recording = open_recording(store)
        found += repair_findings(receipt["repairs"], raw_checked=isinstance(reader, LayoutReader))
        found += lost_findings(receipt["lost"])
        yield Examination(found + _streams(recording, seed), recording)


def _streams(recording: Recording, seed: int) -> list[Finding]:
    """What can be checked whatever the recording came from."""
    if not recording.event_count:
        return [Finding("event stream", "no events", "wrong", "take another file"), *frame_findings(recording)]
    survey = survey_events(recording)
    found = event_findings(survey, recording.end_us - 1 - recording.start_us)
    found += pixel_findings(survey) + frame_findings(recording)
    return found + estimate_findings(estimate(recording, hot_pixels(survey), seed))


def _with_order(path: Path, options: ImportOptions, found: list[Finding]) -> ImportOptions:
    folder = ErgbFolder(path, options)
    found.append(file_order(folder))
    return options if is_in_order(folder) else options.replaced(order_by_time=True)


def _beside_images(path: Path, options: ImportOptions, first_of_file: int) -> list[Finding]:
    folder = ErgbFolder(path, options)
    if folder.times_path is None:
        return []
    images = folder.images_by_file(folder.times_path)
    return [interval_shift(folder, images, options.time_unit or "us", first_of_file)]


def _readable(path: Path, options: ImportOptions, found: list[Finding]) -> tuple[ImportOptions, RecordingReader]:
    """A reader that knows what the events' numbers mean; where the unit is open, the only one that is plausible."""
    try:
        reader = _opened(path, options)
        if isinstance(reader, LayoutReader):
            unit = reader.meaning.time_unit
            found.append(Finding("time unit", unit, values={"unit": unit}))
        return options, reader
    except (UserError, InputFileError) as error:
        if options.time_unit is not None:
            raise
        fitting = [unit for unit in get_args(TimeUnit) if _fits(path, options.replaced(time_unit=unit))]
        if not fitting:
            raise
        if len(fitting) > 1:
            said = f"{' and '.join(fitting)} would all be plausible"
            found.append(Finding("time unit", said, "not identifiable", "give --time-unit"))
            raise error
        told = options.replaced(time_unit=fitting[0])
        said = f"times are in {fitting[0]}, which nothing in the file says"
        advice = f"evfi ingest … --time-unit {fitting[0]}"
        found.append(Finding("time unit", said, "repaired", advice, {"unit": fitting[0]}))
        return told, _opened(path, told)


def _fits(path: Path, options: ImportOptions) -> bool:
    """Whether the recording can be read so, and is then of plausible length and rate."""
    try:
        reader = _opened(path, options)
        if not isinstance(reader, LayoutReader) or options.time_unit is None:
            return False
        survey = survey_raw(reader.layout, None)
    except (UserError, InputFileError):
        return False
    size = reader.sensor_size
    span_us = (survey.last - survey.first) * US_PER_UNIT[options.time_unit]
    return plausible(span_us, survey.count, size.height * size.width)


def _opened(path: Path, options: ImportOptions) -> RecordingReader:
    reader = open_reader(path, None, options)
    if isinstance(reader, LayoutReader):
        _ = reader.meaning
    return reader

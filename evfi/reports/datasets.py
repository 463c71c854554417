"""The pages of the data: facts from the stores' receipts, and what a look at their events shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evfi.reports.measured import read_json
from evfi.reports.options import ReportOptions
from evfi.reports.origins import fact_text, plain_lines, stamp_anchor
from evfi.reports.surveys import Survey, clips_survey, recording_survey

_SHORT_HASH = 12


@dataclass(frozen=True, slots=True)
class DataPage:
    """A heading, lines of (name, value), what was seen in the events; `more` is for those who ask.

    `source`: the id of the command that made it, empty where that is not known.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    more: tuple[tuple[str, str], ...] = ()
    survey: Survey = field(default_factory=Survey)
    source: str = ""


def data_pages(receipts: Sequence[Path], options: ReportOptions) -> tuple[DataPage, ...]:
    """A page for all clips of a part, and one for each recording, in the order given.

    The events of recordings are read while they are no more than `surveyed_events` in all; a later page says that its
    events were left alone.

    Raises:
        MissingInputError, InputFileError: a receipt is absent or not JSON, or a store is damaged.
    """
    recordings: list[DataPage] = []
    clips: dict[str, list[Path]] = {}
    scenes: dict[str, list[Mapping[str, Any]]] = {}
    room = options.surveyed_events
    for number, path in enumerate(receipts):
        receipt = read_json(path, remedy="make its store again")
        if "clip_ids" in receipt:
            clips.setdefault(path.stem.rsplit("-", 1)[0], []).append(path)
        elif "scene_ids" in receipt:
            scenes.setdefault(str(receipt["split"]), []).append(receipt)
        elif "counts" in receipt:
            events = int(receipt["counts"].get("events", 0))
            recordings.append(_recording(path, receipt, f"recording-{number}", is_read=events <= room))
            room -= events if events <= room else 0
    of_clips = (_clips(part, paths, options) for part, paths in sorted(clips.items()))
    return (*of_clips, *(_scenes(split, found) for split, found in sorted(scenes.items())), *recordings)


def _scenes(split: str, receipts: Sequence[Mapping[str, Any]]) -> DataPage:
    """Of rendered scenes: nothing of their events is stored."""
    count = sum(len(receipt["scene_ids"]) for receipt in receipts)
    lines = (("scenes", f"{count:,}"), ("shards", f"{len(receipts):,}"))
    more = plain_lines({"rendered": receipts[0]["options"], "sensors": receipts[0]["sensors"]})
    return DataPage(f"Rendered scenes, {split}", lines, more=more)


def _recording(path: Path, receipt: Mapping[str, Any], anchor: str, *, is_read: bool) -> DataPage:
    source = receipt.get("source") or {}
    size = _frame_size(receipt)
    repairs = {name: count for name, count in (receipt.get("repairs") or {}).items() if count}
    lines = [("file", str(source.get("file", path.name)))]
    if source.get("camera"):
        lines.append(("camera", str(source["camera"])))
    if size:
        lines.append(("frame size", size))
    lines.extend((name, f"{int(count):,}") for name, count in receipt["counts"].items())
    lines.extend((f"repaired: {name.replace('_', ' ')}", fact_text(count)) for name, count in repairs.items())
    if source.get("sha256"):
        lines.append(("SHA-256", str(source["sha256"])[:_SHORT_HASH] + "…"))
    store = path.with_suffix(".zarr")
    if not store.is_dir():
        survey = Survey(note="The store itself is not there: its events were not looked at.")
    elif not is_read:
        survey = Survey(note="Too many events to look at here: `evfi doctor` looks at them.")
    else:
        survey = recording_survey(store, anchor)
    return DataPage(f"Recording {path.stem}", tuple(lines), survey=survey, source=stamp_anchor(store))


def _frame_size(receipt: Mapping[str, Any]) -> str:
    shape = ((receipt.get("arrays") or {}).get("frames/image") or {}).get("shape") or []
    return f"{shape[2]} x {shape[1]}" if len(shape) >= 3 else ""


def _clips(part: str, paths: Sequence[Path], options: ReportOptions) -> DataPage:
    receipts = [read_json(path, remedy="make its store again") for path in paths]
    clips = sum(len(receipt["clip_ids"]) for receipt in receipts)
    events = sum(int(receipt.get("event_count", 0)) for receipt in receipts)
    lines = [("clips", f"{clips:,}"), ("shards", f"{len(receipts):,}"), ("events", f"{events:,}")]
    if clips:
        lines.append(("events a clip", f"{events // clips:,}"))
    simulated = receipts[0].get("options") or {}
    noise = simulated.get("noise")
    if isinstance(noise, Mapping):
        hot = int(noise.get("hot_pixel_count") or 0) + len(noise.get("hot_pixels") or ())
        lines.append(("hot pixels", f"{hot:,} simulated in each clip"))
    stores = [store for path in paths if (store := path.with_suffix(".zarr")).is_dir()]
    if len(stores) < len(paths):
        survey = Survey(note="Not all stores are there: their events were not looked at.")
    else:
        survey = clips_survey(stores, f"clips-{paths[0].stem}", options.surveyed_clips)
    return DataPage(
        f"Clips, {part}",
        tuple(lines),
        more=plain_lines(simulated),
        survey=survey,
        source=stamp_anchor(paths[0].with_suffix(".zarr")),
    )

"""Pictures of chosen groups: deterministic from the index alone, all targets of a group, so that tau can be looped."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evfi.evaluation.protocols import SETTING
from evfi.inference.quantise import quantised
from evfi.io.images import write_png
from evfi.provenance import digest_bytes
from evfi.representation.drawing import draw_events
from evfi.samples.sample import Sample

if TYPE_CHECKING:  # it loads torch, which the report's reader of pictures does without
    from evfi.evaluation.methods import Answer

PICTURES_FOLDER = "pictures"
_LONGEST_NAME = 160  # file systems allow 255 bytes


def folder_name(sample_id: str) -> str:
    """The name of a sample's picture folder: "/" becomes "--"; other unusual characters "_" and a digest at the end."""
    parts = sample_id.split("/")
    plain = "--".join(re.sub(r"[^A-Za-z0-9.+_-]", "_", part) for part in parts)
    if plain.split("--") == parts and plain[:1].isalnum() and len(plain) <= _LONGEST_NAME:
        return plain
    return f"_{plain.strip('.')[:100]}_{digest_bytes(sample_id.encode())[:12]}"


def file_name(method: str) -> str:
    """The name of a method's picture: "timelens/refined0" is timelens-refined0.png."""
    return method.replace("/", "-") + ".png"


def chosen_rows(outline: pd.DataFrame, per_setting: int) -> list[int]:
    """Numbers of the rows (in the outline of `RowsToMeasure`) of the groups whose pictures are kept, ascending.

    Each data set, protocol and skip gets `per_setting` groups, spread evenly over its sequences, and evenly over time
    where a sequence gives several.
    """
    if per_setting < 1:
        return []
    settings = outline.groupby(SETTING, sort=True, observed=True)
    return sorted(number for _, setting in settings for number in _spread_rows(setting, per_setting))


def picture_entries(chosen: Iterable[Any]) -> list[dict[str, object]]:
    """The chosen rows as evaluation.json lists them."""
    return [
        {
            "sample_id": row.sample_id,
            "dataset": row.dataset,
            "protocol": row.protocol,
            "skip": int(row.skip),
            "sequence": row.sequence,
            "tau": float(row.tau),
            "group": row.group,
            "target": row.target_name,
            "folder": folder_name(row.sample_id),
        }
        for row in chosen
    ]


def write_answers(out: Path, sample: Sample, answers: "Sequence[Answer]") -> None:
    """One PNG per method that predicted the sample, in its folder under out/pictures."""
    for answer in answers:
        if answer.frame is not None:
            write_png(_folder(out, sample) / file_name(answer.method.name), quantised(answer.frame))


def write_inputs(out: Path, sample: Sample, *, targets_in_group: int) -> None:
    """frame0.png, frame1.png, target.png and events.png in the sample's folder under out/pictures.

    events.png shows the target (or the nearer boundary frame) with the events around its time: half the way to the
    next target on both sides.
    """
    folder = _folder(out, sample)
    under = sample.target
    if under is None:
        under = sample.frame0 if sample.tau < 0.5 else sample.frame1
    else:
        write_png(folder / "target.png", under)
    write_png(folder / "frame0.png", sample.frame0)
    write_png(folder / "frame1.png", sample.frame1)
    half = max(1, (sample.t1_us - sample.t0_us) // (2 * (targets_in_group + 1)))
    around = sample.events.window(max(sample.t0_us, sample.t_us - half), min(sample.t1_us, sample.t_us + half))
    write_png(folder / "events.png", draw_events(under, around))


def _folder(out: Path, sample: Sample) -> Path:
    folder = out / PICTURES_FOLDER / folder_name(sample.sample_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _spread_rows(setting: Any, count: int) -> Iterator[int]:
    for name, wanted in _groups_per_sequence(sorted(set(setting["sequence"])), count).items():
        rows = setting[setting["sequence"] == name]
        pairs = [*zip(rows["frame0"], rows["frame1"], strict=True)]
        groups = sorted(set(pairs))
        picked = {groups[place] for place in _spread(len(groups), min(wanted, len(groups)))}
        yield from (int(number) for number, pair in zip(rows.index, pairs, strict=True) if pair in picked)


def _groups_per_sequence(names: Sequence[str], count: int) -> dict[str, int]:
    if count <= len(names):
        return {names[place]: 1 for place in _spread(len(names), count)}
    return {name: count // len(names) + (place < count % len(names)) for place, name in enumerate(names)}


def _spread(length: int, count: int) -> list[int]:
    """`count` of `length` positions, each in the middle of its equal share."""
    return [(2 * number + 1) * length // (2 * count) for number in range(count)]

"""Reads what training stages left: the run's facts, its journal, its validation pictures."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evfi.errors import InputFileError
from evfi.reports.measured import read_json


@dataclass(frozen=True, slots=True)
class Curve:
    """Values at training steps (or at times), in their order."""

    steps: tuple[float, ...]
    values: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Training:
    """One trained stage of one family."""

    family: str
    stage: str
    folder: Path
    run: dict[str, Any]
    loss: Curve
    validation_loss: Curve
    validation_psnr: Curve
    pictures: tuple[tuple[int, Path], ...]

    @property
    def title(self) -> str:
        return f"{self.family} · {self.stage}"


def read_trainings(folders: Sequence[Path]) -> tuple[Training, ...]:
    """Read training folders `<family>/<stage>/`, in the order given.

    Raises:
        MissingInputError, InputFileError: run.json or metrics.jsonl is absent or damaged.
    """
    return tuple(_training(folder) for folder in folders)


def _training(folder: Path) -> Training:
    run = read_json(folder / "run.json", remedy="make it with `evfi train`")
    entries = _journal(folder / "metrics.jsonl")
    train = [entry for entry in entries if entry.get("kind") == "train"]
    validation = [entry for entry in entries if entry.get("kind") == "validation"]
    return Training(
        family=str(run.get("family", folder.parent.name)),
        stage=str(run.get("stage", folder.name)),
        folder=folder,
        run=run,
        loss=_curve((entry["step"], entry.get("loss")) for entry in train),
        validation_loss=_curve((entry["step"], entry.get("metrics", {}).get("loss")) for entry in validation),
        validation_psnr=_curve((entry["step"], entry.get("metrics", {}).get("psnr")) for entry in validation),
        pictures=_pictures(folder / "validation"),
    )


def _journal(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            int(entry["step"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputFileError(f"{path}, line {number}: not a line of a training journal ({error})") from error
        entries.append(entry)
    return entries


def _curve(points: Any) -> Curve:
    """Finite points only, by step; of a step that was run again after a resume, the last."""
    known = {int(step): float(value) for step, value in points if value is not None and math.isfinite(float(value))}
    steps = sorted(known)
    return Curve(tuple(steps), tuple(known[step] for step in steps))


def _pictures(folder: Path) -> tuple[tuple[int, Path], ...]:
    found = []
    for path in sorted(folder.glob("step-*.png")):
        digits = path.stem.removeprefix("step-")
        if digits.isdigit():
            found.append((int(digits), path))
    return tuple(sorted(found))

"""metrics.jsonl: one JSON object a line, rewound to a checkpoint's step, so that no line is written twice."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Journal:
    """Appends lines to a file and keeps only those up to a step when training goes on from there.

    Lines: {"kind": "train", "step", "loss", "parts", "lr", "grad_norm", "data_s", "step_s"} and {"kind": "validation",
    "step", "metrics"}. Losses and norm are means over the steps since the line before, data_s (waiting for samples) and
    step_s (computing) sums over them in seconds, lr that of the last step.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> None:
        """Drop lines of later steps, and a line that was cut off. Step -1 empties the journal."""
        kept = [line for line in self._lines() if _step_of(line) <= step]
        partial = self.path.with_name(self.path.name + ".partial")
        partial.write_text("".join(f"{line}\n" for line in kept))
        partial.replace(self.path)

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line; values that are not finite become null."""
        with self.path.open("a") as file:
            file.write(json.dumps(_finite(line)) + "\n")

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """All lines of a kind, in order."""
        return [line for line in map(json.loads, self._lines()) if line.get("kind") == kind]

    def _lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.is_file() else []


class Means:
    """Sums over the steps since the last journal line; part of a checkpoint, so that a resumed line is the same."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: dict[str, float] = {}

    def add(self, values: Mapping[str, float]) -> None:
        """One step's values."""
        self.count += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def taken(self) -> dict[str, float]:
        """The means, starting anew."""
        means = {name: total / self.count for name, total in self.sums.items()}
        self.count, self.sums = 0, {}
        return means

    def state(self) -> dict[str, Any]:
        """Primitives for a checkpoint."""
        return {"count": self.count, "sums": dict(self.sums)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Back to a checkpoint's state."""
        self.count, self.sums = int(state["count"]), dict(state["sums"])


def _step_of(line: str) -> float:
    """The step of a line; infinity for one that was cut off."""
    try:
        return int(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return math.inf


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

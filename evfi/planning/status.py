"""How far a run is: shards, events, stages, what failed, and when the rest will be done."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evfi.config import Config
from evfi.planning.outputs import Found, found, outputs_of

_RECENT = 50
"""The newest shards, or journal lines, whose pace is taken for what is left."""


def status_of(config: Config) -> dict[str, Any]:
    """The state of a run, read from its files alone: nothing is changed, and no rule waits.

    Returns:
        results, shards, recordings, stages, outputs (counts by rule and state), failures (rule, name, says, log).
    """
    pieces = [found(output) for output in outputs_of(config)]
    by_rule: dict[str, list[Found]] = {}
    for piece in pieces:
        by_rule.setdefault(piece.output.rule, []).append(piece)
    return {
        "results": config.results_dir,
        "shards": _shards(by_rule.get("simulate", [])),
        "outputs": {rule: dict(Counter(piece.state for piece in of_rule)) for rule, of_rule in by_rule.items()},
        "stages": [_stage(config, piece) for piece in by_rule.get("train_stage", [])],
        "failures": [
            {
                "rule": piece.output.rule,
                "name": piece.output.name,
                "says": piece.says,
                "log": str(piece.output.log),
            }
            for piece in pieces
            if piece.state == "failed"
        ],
    }


def _shards(pieces: Sequence[Found]) -> dict[str, Any]:
    receipts = [piece.output.files[1] for piece in pieces if piece.state == "done"]
    times = sorted(path.stat().st_mtime for path in receipts)[-_RECENT:]
    left = len(pieces) - len(receipts)
    working = any(piece.state == "running" for piece in pieces)
    pace = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else None
    return {
        "done": len(receipts),
        "total": len(pieces),
        "events": sum(int(json.loads(path.read_text())["event_count"]) for path in receipts),
        "seconds_left": 0.0 if left == 0 else pace * left if working and pace is not None else None,
    }


def _stage(config: Config, piece: Found) -> dict[str, Any]:
    family, stage = piece.output.name.split("/")
    folder = piece.output.files[0].parent if piece.state == "done" else _newest_state(config, family, stage)
    lines = _journal(folder / "metrics.jsonl") if folder is not None else []
    steps = _steps(config, family, stage, piece)
    step = max((int(line["step"]) for line in lines), default=0)
    validations = [line for line in lines if line["kind"] == "validation"]
    return {
        "family": family,
        "stage": stage,
        "state": piece.state,
        "step": step,
        "steps": steps,
        "seconds_left": _seconds_left(lines, step, steps) if piece.state == "running" else None,
        "validation": {"step": validations[-1]["step"], **validations[-1]["metrics"]} if validations else None,
        "log": str(piece.output.log),
    }


def _newest_state(config: Config, family: str, stage: str) -> Path | None:
    """The state folder that was written last: an older one belongs to another recipe."""
    folders = Path(config.results_dir, "state").glob(f"{family}-{stage}-*/metrics.jsonl")
    return max(
        (path.parent for path in folders), key=lambda path: (path / "metrics.jsonl").stat().st_mtime, default=None
    )


def _journal(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal that may just be written."""
    lines = []
    for text in path.read_text().splitlines() if path.is_file() else ():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def _steps(config: Config, family: str, stage: str, piece: Found) -> int | None:
    """All steps of a stage; by the index's rows where the recipe counts epochs (a family may need fewer of them)."""
    if piece.state == "done":
        return int(json.loads(piece.output.files[1].read_text())["steps"])
    recipe = config.recipe(family, stage)
    receipt = Path(config.results_dir, "samples/train.json")
    if recipe.steps is None and not receipt.is_file():
        return None
    rows = json.loads(receipt.read_text())["rows"].get("train", 0) if receipt.is_file() else 0
    return recipe.total_steps(rows)


def _seconds_left(lines: Sequence[dict[str, Any]], step: int, steps: int | None) -> float | None:
    recent = [line for line in lines if line["kind"] == "train"][-_RECENT:]
    if len(recent) < 2 or steps is None:
        return None
    spent = sum(line["data_s"] + line["step_s"] for line in recent[1:])
    return spent / (recent[-1]["step"] - recent[0]["step"]) * (steps - step)


def status_lines(status: dict[str, Any]) -> list[str]:
    """The same for people."""
    shards = status["shards"]
    lines = []
    if shards["total"]:
        lines.append(
            f"shards      {shards['done']} of {shards['total']} done, {shards['events']:,} events"
            + _left(shards["seconds_left"])
        )
    for rule, states in status["outputs"].items():
        if rule not in ("simulate", "train_stage"):
            lines.append(f"{rule:11} " + ", ".join(f"{count} {state}" for state, count in states.items()))
    for stage in status["stages"]:
        text = f"{stage['family']} {stage['stage']}: {stage['state']}, step {stage['step']}"
        text += f" of {stage['steps']}" if stage["steps"] is not None else ""
        if stage["validation"] is not None:
            values = ", ".join(f"{key} {value:.4g}" for key, value in stage["validation"].items() if key != "step")
            text += f", validation at {stage['validation']['step']}: {values}"
        lines.append(text + _left(stage["seconds_left"]))
    return lines + [
        f"FAILED {failure['rule']} {failure['name']}: {failure['says']} (log: {failure['log']})"
        for failure in status["failures"]
    ]


def _left(seconds: float | None) -> str:
    if not seconds:
        return ""
    end = time.strftime("%a %H:%M", time.localtime(time.time() + seconds))
    return f", {duration(seconds)} left (until {end})"


def duration(seconds: float) -> str:
    """Such as 45 s, 12 min, 3.5 h, 2.1 days."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"

"""metrics.json: every figure of the report as data, the same bytes for the same figures."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from evfi.evaluation.aggregate import ALL_TARGETS, Row
from evfi.reports.comparison import Comparison, Paired
from evfi.reports.goals import GoalResult
from evfi.reports.measured import Method
from evfi.reports.thresholds import Sweep
from evfi.versions import ALGO_VERSIONS

_ROW = tuple(field.name for field in fields(Row))


def metrics_document(
    comparison: Comparison, goals: Sequence[GoalResult], main_metric: str, sweep: Sweep
) -> dict[str, Any]:
    """Rows (all means), paired differences of the main metric, goals. NaN becomes null.

    A row: method, dataset, protocol, skip, target, metric, value, low, high, frames, sequences, averaging, spread,
    missing (docs/formats.md). `part_rows` is there only where a family could not predict every target,
    `threshold_rows` (rows of all targets with contrast and noisy) only where thresholds were swept.
    """
    return {
        "schema": "evfi.metrics",
        "algo_version": ALGO_VERSIONS["report"],
        "index_sha256": comparison.measured.documents[0].get("index_sha256"),
        "confidence": comparison.confidence,
        "rows": [_row(row) for row in comparison.rows],
        **_parts(comparison),
        **_thresholds(sweep),
        "differences": [_difference(paired) for paired in _pairs(comparison, main_metric)],
        "goals": [_goal(result) for result in goals],
    }


def _parts(comparison: Comparison) -> dict[str, Any]:
    """The rows over common and over other targets, where some family could not predict all of a setting's targets."""
    rows = [{**_row(row), "part": part.part} for part, own in comparison.part_rows for row in own]
    return {"part_rows": rows} if rows else {}


def _thresholds(sweep: Sweep) -> dict[str, Any]:
    rows = [{**_row(one.row), "contrast": one.contrast, "noisy": one.noisy} for one in sweep.rows]
    return {"threshold_rows": rows} if rows else {}


def _pairs(comparison: Comparison, metric: str) -> Iterable[Paired]:
    """Learned methods against baselines and other final frames, and final frames against their intermediates."""
    for setting in comparison.measured.settings:
        methods = comparison.methods(setting)
        for target in (ALL_TARGETS, *comparison.taus(setting)):
            for method in methods:
                for other in methods:
                    if _worth_comparing(method, other):
                        paired = comparison.paired(setting, method.name, other.name, metric, target)
                        if paired is not None:
                            yield paired


def _worth_comparing(method: Method, other: Method) -> bool:
    if method.is_baseline or method == other:
        return False
    if other.is_baseline:
        return True
    return method.is_final and (other.is_final or other.family == method.family)


def _difference(paired: Paired) -> dict[str, Any]:
    return _finite(
        {
            "method": paired.method,
            "versus": paired.versus,
            "dataset": paired.setting.dataset,
            "protocol": paired.setting.protocol,
            "skip": paired.setting.skip,
            "target": paired.target,
            "metric": paired.metric,
            "value": paired.value,
            "low": paired.low,
            "high": paired.high,
            "sequences": paired.sequences,
        }
    )


def _goal(result: GoalResult) -> dict[str, Any]:
    paired = result.paired
    return _finite(
        {
            **result.goal.model_dump(mode="json"),
            "status": result.status,
            "value": None if paired is None else paired.gain,
            "low": None if paired is None else paired.gain_low,
            "high": None if paired is None else paired.gain_high,
        }
    )


def _row(row: Row) -> dict[str, Any]:
    # asdict copies deeply, which takes longer than to write the file
    return _finite({name: getattr(row, name) for name in _ROW})


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }

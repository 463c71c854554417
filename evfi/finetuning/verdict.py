"""Did it help? The same held-out frames before and after, side by side with the baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evfi.errors import UserError
from evfi.evaluation.aggregate import ALL_TARGETS
from evfi.reports.comparison import Comparison, Paired
from evfi.reports.measured import Setting, read_measured

BEFORE, AFTER = "before", "after"
_DECIDES = "psnr_float"
_SHOWN = (_DECIDES, "psnr_active", "ssim_gauss2d_valid", "event_consistency")


@dataclass(frozen=True, eq=False, slots=True)
class Verdict:
    """`paired`: after minus before on the held-out frames; `rows`: a method's name and its means, by metric."""

    setting: Setting
    paired: Paired
    metrics: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]

    @property
    def helped(self) -> bool:
        """Whether the held-out frames became better on average."""
        return self.paired.is_better

    def facts(self) -> dict[str, Any]:
        """For the receipt."""
        paired = self.paired
        return {
            "decided_by": _DECIDES,
            "after_minus_before": {"value": paired.value, "low": paired.low, "high": paired.high},
            "figures": {name: dict(zip(self.metrics, values, strict=True)) for name, values in self.rows},
        }

    def lines(self) -> list[str]:
        """A table for people, and what follows from it."""
        widths = [max(len(name) for name, _ in self.rows), *(max(9, len(name)) for name in self.metrics)]
        lines = ["  ".join(text.rjust(width) for text, width in zip(("", *self.metrics), widths, strict=True))]
        for name, values in self.rows:
            cells = (name, *("n/a" if value is None else f"{value:.3f}" for value in values))
            lines.append("  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))
        return [*lines, self._sentence()]

    def _sentence(self) -> str:
        paired = self.paired
        gain = f"{paired.value:+.2f} dB ({paired.low:+.2f} to {paired.high:+.2f}) on held-out frames"
        if not self.helped:
            return f"It did not help: {gain}. The weights from before are kept."
        doubt = ", which may be chance" if paired.is_level else ""
        return f"It helped: {gain}{doubt}. The new weights are kept."


def verdict_of(evaluations: Sequence[Path]) -> Verdict:
    """The verdict from the folders of the evaluations of the baselines, before and after.

    Raises:
        UserError: nothing of them can be compared.
    """
    measured = read_measured(evaluations)
    comparison = Comparison(measured, measured.options)
    settings = [setting for setting in measured.settings if comparison.row(setting, AFTER, _DECIDES) is not None]
    if not settings:
        raise UserError("no held-out frame was predicted, so nothing can be compared: give a longer recording")
    setting = settings[0]
    paired = comparison.paired(setting, AFTER, BEFORE, _DECIDES, ALL_TARGETS)
    if paired is None:
        raise UserError("no held-out frame was predicted both before and after: give a longer recording")
    metrics = tuple(name for name in _SHOWN if name in comparison.metrics(setting))
    methods = [method for method in comparison.methods(setting) if not method.is_intermediate]
    rows = [
        (
            method.label,
            tuple(
                None if (row := comparison.row(setting, method.name, metric)) is None else row.value
                for metric in metrics
            ),
        )
        for method in methods
    ]
    return Verdict(setting, paired, metrics, tuple(rows))

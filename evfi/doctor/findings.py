"""What the doctor says: one finding a check."""

from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["ok", "wrong", "repaired", "not identifiable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table.

    verdict "wrong": something to act on. "repaired": was wrong, and is put right by reading (and so by `--fix`).
    "not identifiable": the data cannot tell; `found` says why. values: the numbers, for programs.
    """

    check: str
    found: str
    verdict: Verdict = "ok"
    advice: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def is_wrong(self) -> bool:
        """Whether the recording as it lies there is not as it should be."""
        return self.verdict in ("wrong", "repaired")

    def plain(self) -> dict[str, Any]:
        """As values of JSON."""
        return {
            "check": self.check,
            "found": self.found,
            "verdict": self.verdict,
            "advice": self.advice,
            "values": self.values,
        }

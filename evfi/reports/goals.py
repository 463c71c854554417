"""Whether a run reached the differences that its configuration asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evfi.reports.comparison import Comparison, Paired
from evfi.reports.measured import Setting
from evfi.reports.options import Goal

Status = Literal["met", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class GoalResult:
    """A goal and what was measured; `paired` is None where the run has no such figure."""

    goal: Goal
    paired: Paired | None

    @property
    def status(self) -> Status:
        if self.paired is None:
            return "not measured"
        return "met" if self.paired.gain >= self.goal.minimum else "missed"

    @property
    def is_certain(self) -> bool:
        """Whether the goal lies outside the interval; a difference without an interval counts as certain."""
        paired = self.paired
        return paired is not None and not paired.gain_low <= self.goal.minimum <= paired.gain_high


def goal_results(goals: Sequence[Goal], comparison: Comparison) -> tuple[GoalResult, ...]:
    """Each goal with its measured difference, in the order given."""
    return tuple(
        GoalResult(
            goal,
            comparison.paired(
                Setting(goal.dataset, goal.protocol, goal.skip), goal.method, goal.versus, goal.metric, goal.target
            ),
        )
        for goal in goals
    )

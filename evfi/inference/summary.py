"""What a slow-motion run did: its figures, and the closing line that says them."""

from dataclasses import asdict, dataclass
from typing import Any

_SAME_SPEED = 0.005


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. Rates in frames per second; `seconds` of wall time for all frames.

    Attributes:
        slow_down: how many times slower it plays than it happened; None for single times.
        hot_pixels, removed_hot: pixels that were masked, and their events in the gaps.
        removed_background: further events in the gaps that were taken for noise.
        gaps_without_events, gaps_with_exposure_change: as the three before them,
            None where the family looks at frames alone.
        overexposed: mean share of saturated pixels in the recording's frames, 0 to 1.
        event_consistency, judged: mean agreement of the inserted frames with the events, -1 to 1 (NaN where it cannot
            be told), and of how many frames; None where nobody asked.
    """

    out: str
    family: str
    capture_fps: float
    playback_fps: float
    slow_down: float | None
    frames_in: int
    frames_kept: int
    frames_inserted: int
    frames_out: int
    hot_pixels: int | None
    removed_hot: int | None
    removed_background: int | None
    gaps_without_events: int | None
    gaps_with_exposure_change: int | None
    overexposed: float
    seconds: float
    event_consistency: float | None = None
    judged: int | None = None

    @property
    def inserted_per_second(self) -> float:
        """Speed: inserted frames per second of wall time."""
        return self.frames_inserted / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        figures = {**asdict(self), "inserted_per_second": self.inserted_per_second}
        return {name: None if value != value else value for name, value in figures.items()}

    def __str__(self) -> str:
        """The closing line for a person."""
        slower = "" if self.slow_down is None else f", {_slower(self.slow_down)}"
        of_events = "" if self.gaps_without_events is None else self._of_events
        return (
            f"{self.out}: captured at {self.capture_fps:.2f} fps, plays at {self.playback_fps:.2f} fps{slower}; "
            f"{self.frames_kept} frames kept + {self.frames_inserted} inserted by {self.family} = {self.frames_out}, "
            f"{self.inserted_per_second:.2f} inserted frames/s; {of_events}"
            f"{self.overexposed:.1%} of the frames' area overexposed{self._agreement}"
        )

    @property
    def _agreement(self) -> str:
        if self.event_consistency is None:
            return ""
        if not self.judged:
            return "; event consistency not identifiable"
        return f"; event consistency {self.event_consistency:.3f} over {self.judged} inserted frames (no quality rank)"

    @property
    def _of_events(self) -> str:
        return (
            f"removed {self._removed}; {self.gaps_without_events} gaps without any event, "
            f"{self.gaps_with_exposure_change} with an exposure change above 20 %, "
        )

    @property
    def _removed(self) -> str:
        hot = f"{self.removed_hot} events of {self.hot_pixels} hot pixels"
        return hot if not self.removed_background else f"{hot} and {self.removed_background} of background activity"


def _slower(slow_down: float) -> str:
    if abs(slow_down - 1) < _SAME_SPEED:
        return "as fast as it happened"
    return f"{slow_down:.4g} times slower" if slow_down > 1 else f"{1 / slow_down:.4g} times faster"

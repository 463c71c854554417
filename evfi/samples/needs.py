"""What a family needs of a sample beside the boundary frames and events, and whether a sample's times give it."""

from dataclasses import dataclass, replace
from typing import Literal, Self

# Even: outside the pair at the pair's own distance. Tight: the frames beside the boundary frames of a skip of 1, so
# that the four lie 2:1:1:2 around the target; of a septuplet all three such targets, or one of them.
Context = Literal["none", "even", "tight", "tight_first", "tight_centred", "tight_last"]

# Frames of a camera jitter. Of the pair's interval:
TAU_TOLERANCE = 0.02
SPACING_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class SampleTimes:
    """When a sample's frames were taken: boundary frames, target, and context frames (None: there is none)."""

    t0_us: int
    t1_us: int
    t_us: int
    before_us: int | None
    after_us: int | None

    @property
    def tau(self) -> float:
        """Where the target lies between the boundary frames, in (0, 1)."""
        return (self.t_us - self.t0_us) / (self.t1_us - self.t0_us)

    @property
    def outer_window(self) -> tuple[int, int]:
        """From the context frame before to the one after; where there is none, the boundary frame."""
        return (
            self.t0_us if self.before_us is None else self.before_us,
            self.t1_us if self.after_us is None else self.after_us,
        )


@dataclass(frozen=True, slots=True)
class Needs:
    """A family's demands, declared in its manifest.

    Attributes:
        context: which frames outside the pair it looks at.
        middle_only: it predicts the frame in the middle of the pair and no other.
        outer_events: it looks at all events between the context frames.
        flows_to_target: optical flow from the boundary frames to the target; only training may ask for it.
        flows_between: optical flow between the boundary frames, and from them to the context frames.
        flow_frame: it looks at the frame that flow of the boundary frames predicts.
        events: it looks at the events between the boundary frames; a family that does not takes ordinary video.
    """

    context: Context = "none"
    middle_only: bool = False
    outer_events: bool = False
    flows_to_target: bool = False
    flows_between: bool = False
    events: bool = True
    flow_frame: bool = False

    def with_context(self, context: Context) -> Self:
        """The same demands with other context frames."""
        return replace(self, context=context)

    @property
    def flows(self) -> bool:
        """Whether any flow is needed."""
        return self.flows_to_target or self.flows_between

    def flow_pairs(self, frame0: int, frame1: int, target: int, context: tuple[int, int]) -> list[tuple[int, int]]:
        """Numbers of the frames (from, to) of each flow that a sample needs.

        Args:
            target: its number; -1 where it is not one of the frames.
            context: numbers of the context frames, -1 = none.
        """
        pairs: list[tuple[int, int]] = []
        if self.flows_to_target:
            pairs += [(frame0, target), (frame1, target)]
        if self.flows_between:
            pairs += [(frame0, frame1), (frame1, frame0)]
            pairs += [(frame, other) for frame, other in zip((frame0, frame1), context, strict=True) if other >= 0]
        return pairs

    @property
    def are_any(self) -> bool:
        """Whether there are samples that do not meet them."""
        return self.middle_only or self.context != "none"

    def shortfall(self, times: SampleTimes) -> str:
        """Why a sample at these times does not meet the needs, in words; "" where it does."""
        gap = times.t1_us - times.t0_us
        if self.middle_only and abs(times.tau - 0.5) > TAU_TOLERANCE:
            return f"tau {times.tau:.3f}, needs 0.5"
        if self.context == "none":
            return ""
        if times.before_us is None or times.after_us is None:
            side = "before" if times.before_us is None else "after"
            return f"no context frame {side} the pair"
        wanted = 1.0 if self.context == "even" else 0.5
        for outer in (times.t0_us - times.before_us, times.after_us - times.t1_us):
            if abs(outer / gap - wanted) > SPACING_TOLERANCE:
                return f"a context frame at {outer / gap:.2f} of the pair's interval, needs {wanted:g}"
        return ""

    def context_numbers(self, frame0: int, frame1: int, even: tuple[int, int], count: int) -> tuple[int, int]:
        """Numbers of the context frames of a pair in `count` frames; -1: none, or none wanted.

        Args:
            even: the numbers of the evenly spaced ones, as the index has them.
        """
        if self.context == "none":
            return -1, -1
        if self.context == "even":
            return even
        before, after = frame0 - 1, frame1 + 1 if frame1 + 1 < count else -1
        place = {
            "tight": True,
            "tight_first": before == 0,
            "tight_centred": before == count - 1 - after,
            "tight_last": after == count - 1,
        }
        return (before, after) if place[self.context] else (-1, -1)

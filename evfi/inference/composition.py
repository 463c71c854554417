"""Frames put beside what went in: the input at its own rate on the left, events drawn in."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evfi.errors import UserError
from evfi.inference.windows import Times
from evfi.inference.writers import TimedFrame, output_kind
from evfi.representation.drawing import draw_events
from evfi.samples.sample import Image, as_rgb
from evfi.types import Events
from evfi.units import US_PER_MS

_GAP_PX = 4
_SINGLE_WINDOW_US = 10 * US_PER_MS


@dataclass(frozen=True, slots=True)
class Composition:
    """What a frame of the output shows.

    Attributes:
        side_by_side: the newest frame of the input on the left, the result on the right.
        with_events: events around the frame's time, drawn into the left one, or into the result where it is alone.
    """

    side_by_side: bool = False
    with_events: bool = False

    @property
    def is_plain(self) -> bool:
        """The result alone, as it is."""
        return not (self.side_by_side or self.with_events)

    def check(self, out: Path) -> None:
        """Refuse what cannot be written.

        Raises:
            UserError: a frame store of composed frames.
        """
        if not self.is_plain and output_kind(out) == "store":
            raise UserError(
                f"{out} is a frame store, which holds frames as they are: write an .mp4, .webp, .gif or a folder with "
                "--side-by-side or --with-events"
            )


def composed(
    frames: Iterable[TimedFrame],
    composition: Composition,
    *,
    times: Times,
    input_at: Callable[[int, Image], Image],
    events: Callable[[int, int], Events] | None,
) -> Iterator[TimedFrame]:
    """The frames as the composition shows them, one by one.

    Args:
        times: of all frames, rising: half of their usual distance on both sides is a frame's window of events.
        input_at: gives the newest frame of the input at a time, from that time and the result's own frame.
        events: of a half-open window; None where there are none.
    """
    window_us = int(np.median(np.diff(times))) if len(times) > 1 else _SINGLE_WINDOW_US
    for image, t_us in frames:
        parts = [input_at(t_us, image), image] if composition.side_by_side else [image]
        if composition.with_events and events is not None:
            first = t_us - window_us // 2
            parts[0] = draw_events(parts[0], events(first, first + max(1, window_us)))
        yield _joined(parts), t_us


class NewestInput:
    """The newest of the frames that stand at the input's own times, as they pass by."""

    def __init__(self, times: Times) -> None:
        self._times = frozenset(times.tolist())
        self._newest: Image | None = None

    def __call__(self, t_us: int, image: Image) -> Image:
        if self._newest is None or t_us in self._times:
            self._newest = image
        return self._newest


def _joined(parts: list[Image]) -> Image:
    """Side by side with a black gap, in colour where one of them is."""
    if len(parts) == 1:
        return parts[0]
    shown = [as_rgb(part) for part in parts] if {part.ndim for part in parts} != {2} else parts
    gap = np.zeros((shown[0].shape[0], _GAP_PX, *shown[0].shape[2:]), np.uint8)
    return np.concatenate([shown[0], gap, shown[1]], axis=1)

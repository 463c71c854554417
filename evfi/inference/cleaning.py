"""Events of a recording without those that tell of no motion: hot pixels and, where asked, background activity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.doctor.event_survey import pixels_of, survey_events
from evfi.doctor.pixel_checks import hot_pixels
from evfi.errors import UserError
from evfi.io.recording import Recording
from evfi.representation.background import supported
from evfi.types import Events


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is left out.

    Attributes:
        hot_pixels: all events of the pixels that the doctor calls hot.
        background_us: events without another on the 8 pixels around them in that time before; None: they stay.
    """

    hot_pixels: bool = True
    background_us: int | None = None

    def check(self) -> None:
        """Refuse a time that cannot be.

        Raises:
            UserError: background_us is below 1.
        """
        if self.background_us is not None and self.background_us < 1:
            raise UserError(f"background-us must be at least 1, got {self.background_us}")


@dataclass(frozen=True, eq=False, slots=True)
class Taken:
    """Events of a window, and how many more it had: on hot pixels, and of background activity."""

    events: Events
    hot: int
    background: int


class EventCleaner:
    """Reads a recording's events and leaves out what `cleaning` says; finding hot pixels is one pass over all events.

    Attributes:
        hot_pixel_count: pixels whose events are left out.
    """

    def __init__(self, recording: Recording, cleaning: Cleaning) -> None:
        cleaning.check()
        self._recording = recording
        self._background_us = cleaning.background_us
        self._hot: NDArray[np.bool_] | None = None
        if cleaning.hot_pixels and recording.event_count:
            found = hot_pixels(survey_events(recording)).ravel()
            self._hot = found if found.any() else None
        self.hot_pixel_count = 0 if self._hot is None else int(self._hot.sum())

    def take(self, start_us: int, end_us: int) -> Taken:
        """The events of [start_us, end_us). What a window gives does not depend on windows taken before it."""
        # the filter looks back, so that it must see what came before the window
        before_us = self._background_us or 0
        events = self._recording.events(start_us - before_us, end_us)
        cool = self._without_hot(events)
        hot = _within(events, start_us) - _within(cool, start_us)
        kept = self._without_background(cool)
        background = _within(cool, start_us) - _within(kept, start_us)
        return Taken(kept.window(start_us, end_us), hot, background)

    def _without_hot(self, events: Events) -> Events:
        return events if self._hot is None else events.take(~self._hot[pixels_of(events)])

    def _without_background(self, events: Events) -> Events:
        if self._background_us is None:
            return events
        return events.take(supported(pixels_of(events), events.t, events.sensor_size, within_us=self._background_us))


def _within(events: Events, start_us: int) -> int:
    """How many of the events come at or after start_us."""
    return len(events) - int(np.searchsorted(events.t, start_us, side="left"))

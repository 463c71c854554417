"""Events drawn into a picture."""

import numpy as np

from evfi.representation.drawing import OFF_COLOUR, ON_COLOUR, draw_events
from evfi.types import Events, SensorSize


def test_events_are_drawn_red_and_blue_over_the_dimmed_image() -> None:
    size = SensorSize(height=4, width=5)
    events = Events(
        np.array([1, 2, 2, 2], np.uint16),
        np.array([0, 3, 3, 3], np.uint16),
        np.arange(4),
        np.array([True, False, True, False]),
        size,
    )
    drawn = draw_events(np.full((4, 5, 3), 200, np.uint8), events)
    assert tuple(drawn[0, 1]) == ON_COLOUR
    assert tuple(drawn[3, 2]) == OFF_COLOUR
    assert tuple(drawn[1, 1]) == (110, 110, 110)
    np.testing.assert_array_equal(draw_events(np.full((4, 5), 200, np.uint8), events), drawn)

"""Events as a person looks at them: red and blue pixels on a dimmed picture."""

import numpy as np
from numpy.typing import NDArray

from evfi.representation.transforms import count_per_pixel
from evfi.types import Events

ON_COLOUR, OFF_COLOUR = (220, 30, 30), (30, 70, 230)
_DIMMED = 0.55


def draw_events(image: NDArray[np.uint8], events: Events) -> NDArray[np.uint8]:
    """The dimmed image with red pixels where ON events prevail and blue ones where OFF events do.

    image: (H, W) or (H, W, 3) RGB; the result is (H, W, 3).
    """
    return draw_counts(image, count_per_pixel(events))


def draw_counts(image: NDArray[np.uint8], counts: NDArray[np.int32]) -> NDArray[np.uint8]:
    """As `draw_events`, of events counted by `count_per_pixel`, int (2, H, W)."""
    off, on = counts
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    drawn = (colour.astype(np.float32) * _DIMMED).astype(np.uint8)
    drawn[on > off] = ON_COLOUR
    drawn[(off >= on) & (off > 0)] = OFF_COLOUR
    return drawn

"""Frames into an animated GIF: small loops for places that show nothing better. 256 colours a frame."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from evfi.errors import UserError
from evfi.io.atomic import writing
from evfi.units import MS_PER_S

# The format counts in hundredths of a second, and players slow down what lasts less than two.
_TICK_MS, _SHORTEST_MS = 10, 20


def write_gif(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float) -> None:
    """Write frames uint8 (H, W) or (H, W, 3) RGB as a GIF that loops for ever; all are held in memory.

    Args:
        fps: frames per second; the format keeps hundredths of a second a frame, rounded.

    Raises:
        UserError: no frame, or fps not positive or above 50.
        OutputError: the place cannot be written.
    """
    if not 0 < fps <= MS_PER_S / _SHORTEST_MS:
        raise UserError(
            f"a GIF plays at most {MS_PER_S // _SHORTEST_MS} frames per second, got {fps:g}: choose another"
        )
    pictures = [PillowImage.fromarray(np.ascontiguousarray(image)) for image in frames]
    if not pictures:
        raise UserError(f"no frame to write into {path}: give at least one")
    duration = round(MS_PER_S / fps / _TICK_MS) * _TICK_MS
    with writing(path) as partial:
        pictures[0].save(partial, format="GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0)

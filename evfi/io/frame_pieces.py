"""Single frames put together into pieces that are worth working on and still small."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from evfi.types import Frames

Image = NDArray[np.uint8]
TimedImage = tuple[Image, int, int, int]
"""An image, its time (mid-exposure), and the start and end of its exposure; µs."""

_MOST_FRAMES = 64
_MOST_BYTES = 32 << 20


def stacked(images: Iterable[TimedImage]) -> Iterator[Frames]:
    """Images of one shape as pieces of at most 64 frames and about 32 MB: constant memory."""
    waiting: list[TimedImage] = []
    for timed in images:
        waiting.append(timed)
        if len(waiting) >= min(_MOST_FRAMES, max(1, _MOST_BYTES // timed[0].nbytes)):
            yield _piece(waiting)
            waiting = []
    if waiting:
        yield _piece(waiting)


def _piece(timed: list[TimedImage]) -> Frames:
    image, *times = zip(*timed, strict=True)
    return Frames(np.stack(image), *(np.array(column, np.int64) for column in times))

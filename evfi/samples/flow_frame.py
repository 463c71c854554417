"""The frame that optical flow of the boundary frames alone predicts: a baseline, and a candidate of TimeLens."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.flow.dis import DisFlow
from evfi.flow.interpolate import interpolate_pair
from evfi.samples.sample import Image, is_gray


class FlowFrames:
    """Occlusion-aware interpolation by DIS flow in both directions, for one thread: the last pair's flows are kept."""

    def __init__(self) -> None:
        self._pair: _Pair | None = None

    def __call__(self, frame0: Image, frame1: Image, tau: float) -> NDArray[np.float32]:
        """The frame (H, W, 3) at tau in (0, 1), values in [0, 1], of two RGB frames."""
        pair = self._pair
        if pair is None or not pair.belongs_to(frame0, frame1):
            pair = self._pair = _matched(frame0, frame1)
        # values in [0, 255]
        frame = interpolate_pair(pair.image0, pair.image1, pair.flow01, pair.flow10, [tau])[0] / np.float32(255)
        return frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)


@dataclass(frozen=True, eq=False, slots=True)
class _Pair:
    frame0: Image
    frame1: Image
    image0: NDArray[np.uint8]
    image1: NDArray[np.uint8]
    flow01: NDArray[np.float32]
    flow10: NDArray[np.float32]

    def belongs_to(self, frame0: Image, frame1: Image) -> bool:
        return np.array_equal(self.frame0, frame0) and np.array_equal(self.frame1, frame1)


def _matched(frame0: Image, frame1: Image) -> _Pair:
    gray = is_gray(frame0) and is_gray(frame1)
    # One channel of a gray scene gives the same values in a third of the time.
    image0, image1 = (np.ascontiguousarray(frame[..., 0]) if gray else frame for frame in (frame0, frame1))
    # A new one: on frames of some 40 pixels OpenCV's result depends on what it computed before.
    flow = DisFlow()
    return _Pair(frame0, frame1, image0, image1, flow(image0, image1), flow(image1, image0))

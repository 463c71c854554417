"""Dense inverse search (Kroeger et al., ECCV 2016) as OpenCV computes it: a flow that needs no weights."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.flow.provider import check_pair

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    "fine": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
_SMALLEST_SIDE = 32
"""Below about 16 pixels OpenCV refuses or returns NaN; smaller images are continued by their last row and column."""


class DisFlow:
    """DIS flow of one preset. Not safe to share between threads (OpenCV keeps buffers in it).

    Presets are OpenCV's, and `fine`: medium carried on to the full resolution, gray values compared without removing
    each patch's mean. It is better where light is steady, and takes four times as long.
    """

    def __init__(self, preset: Literal["ultrafast", "fast", "medium", "fine"] = "medium") -> None:
        if preset not in _PRESETS:
            raise UserError(f"expected a DIS preset of {', '.join(_PRESETS)}, got {preset!r}")
        self.name = f"dis-{preset}"
        self._dis = cv2.DISOpticalFlow.create(_PRESETS[preset])
        if preset == "fine":
            self._dis.setFinestScale(0)
            self._dis.setUseMeanNormalization(False)

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `FlowProvider`."""
        check_pair(a, b)
        height, width = a.shape[:2]
        flow = self._dis.calc(_padded_gray(a), _padded_gray(b), None)  # pyright: ignore[reportCallIssue, reportArgumentType]
        return np.ascontiguousarray(flow[:height, :width])


def _padded_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    gray = image if image.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    bottom, right = (max(0, _SMALLEST_SIDE - side) for side in gray.shape)
    if bottom or right:
        gray = cv2.copyMakeBorder(np.ascontiguousarray(gray), 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(gray, np.uint8)

"""What every optical flow in evfi looks like from outside."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class FlowProvider(Protocol):
    """Dense flow from one frame to another."""

    name: str

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow from a to b, both uint8 (H, W) or RGB (H, W, 3): float32 (H, W, 2), channels (dx, dy), pixels.

        The point of a at p lies in b at p + flow.
        """
        ...

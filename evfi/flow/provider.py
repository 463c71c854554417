"""What every optical flow in evfi looks like from outside."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError


class FlowProvider(Protocol):
    """Dense flow from one frame to another."""

    name: str

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow from a to b, both uint8 (H, W) or RGB (H, W, 3): float32 (H, W, 2), channels (dx, dy), pixels.

        The point of a at p lies in b at p + flow.

        Raises:
            UserError: the frames differ in size or are not uint8 (`check_pair`).
        """
        ...


def check_pair(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    """What every provider asks of two frames.

    Raises:
        UserError: they differ in size or are not uint8.
    """
    if a.shape != b.shape or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise UserError(f"flow needs two uint8 frames of one size, got {a.dtype} {a.shape} and {b.dtype} {b.shape}")

"""Exact optical flow of a scene between any two times, and where each surface point has gone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.demo.flow_kernels import HIDDEN, OUTSIDE, VISIBLE, follow
from evfi.demo.scene import Scene

__all__ = ["HIDDEN", "OUTSIDE", "VISIBLE", "ExactFlow", "exact_flow"]


@dataclass(frozen=True, eq=False, slots=True)
class ExactFlow:
    """flow: float32 (H, W, 2), (dx, dy) in pixels from each pixel at the first time to its place at the second.

    fate: uint8 (H, W), what became of the surface point at the second time: VISIBLE, HIDDEN behind a nearer layer,
    or OUTSIDE the picture. A pixel belongs to the nearest layer that covers at least half of it.
    """

    flow: NDArray[np.float32]
    fate: NDArray[np.uint8]


def exact_flow(scene: Scene, from_us: float, to_us: float) -> ExactFlow:
    """Flow and fate of every pixel at from_us, seen at to_us (µs since the scene's start, in either order)."""
    maps_from, maps_to = scene.texture_from_screen(np.array([from_us, to_us]))
    size = scene.sensor_size
    flow = np.empty((size.height, size.width, 2), np.float32)
    fate = np.empty((size.height, size.width), np.uint8)
    follow(scene.sprites, maps_from, maps_to, np.linalg.inv(maps_to) @ maps_from, flow, fate)
    return ExactFlow(flow, fate)

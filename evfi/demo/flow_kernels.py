"""Compiled loops of the exact flow: which layer a pixel shows, and where that surface point goes."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evfi.demo.render_kernels import screen_box

VISIBLE, HIDDEN, OUTSIDE = 0, 1, 2
"""A surface point at the other time: seen there, behind a nearer layer, or beyond the picture's edge."""


@njit(cache=True, nogil=True, error_model="numpy")
def top_layer(sprites: NDArray, maps: NDArray, boxes: NDArray, x: float, y: float) -> int:
    """The nearest layer that covers the place (x, y) by at least half; 0 is the background."""
    side, channel = sprites.shape[1], sprites.shape[3] - 1
    for layer in range(sprites.shape[0], 0, -1):
        left, top, right, bottom = boxes[layer]
        if x < left - 1 or y < top - 1 or x > right or y > bottom:
            continue
        m = maps[layer]
        u = m[0, 0] * x + m[0, 1] * y + m[0, 2]
        v = m[1, 0] * x + m[1, 1] * y + m[1, 2]
        if u < 0.0 or v < 0.0 or u >= side - 1 or v >= side - 1:
            continue
        column, row = int(u), int(v)
        right_part, low_part = u - column, v - row
        texture = sprites[layer - 1]
        alpha = (1 - low_part) * (
            (1 - right_part) * texture[row, column, channel] + right_part * texture[row, column + 1, channel]
        ) + low_part * (
            (1 - right_part) * texture[row + 1, column, channel] + right_part * texture[row + 1, column + 1, channel]
        )
        if alpha >= 0.5:
            return layer
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def layer_boxes(sprites: NDArray, maps: NDArray, height: int, width: int) -> NDArray:
    """Screen boxes (1 + N, 4) of the layers, as `screen_box` gives them."""
    boxes = np.zeros((maps.shape[0], 4), np.int64)
    for layer in range(1, maps.shape[0]):
        boxes[layer] = screen_box(maps[layer], sprites.shape[1], height, width)
    return boxes


@njit(cache=True, nogil=True, error_model="numpy")
def follow(
    sprites: NDArray, maps_from: NDArray, maps_to: NDArray, carried: NDArray, flow: NDArray, fate: NDArray
) -> None:
    """Fill flow (H, W, 2) as (dx, dy) pixels and fate (H, W) as VISIBLE, HIDDEN or OUTSIDE.

    maps_from, maps_to (1 + N, 3, 3): pixel -> texel of each layer. carried (1 + N, 3, 3): pixel -> pixel.
    """
    height, width = fate.shape
    boxes_from = layer_boxes(sprites, maps_from, height, width)
    boxes_to = layer_boxes(sprites, maps_to, height, width)
    for y in range(height):
        for x in range(width):
            layer = top_layer(sprites, maps_from, boxes_from, x, y)
            m = carried[layer]
            depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
            x_to = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / depth
            y_to = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / depth
            flow[y, x, 0], flow[y, x, 1] = x_to - x, y_to - y
            if x_to < -0.5 or y_to < -0.5 or x_to >= width - 0.5 or y_to >= height - 0.5:
                fate[y, x] = OUTSIDE
            elif top_layer(sprites, maps_to, boxes_to, x_to, y_to) > layer:
                fate[y, x] = HIDDEN
            else:
                fate[y, x] = VISIBLE

"""Compiled loops of the renderer: layers are painted from far to near, texels are read bilinearly.

Texels are read through a flat view with unsigned places: indexing with signed ones costs a third of the time more,
for numba then has to look for negative places.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, error_model="numpy")
def paint_background(out: NDArray, texture: NDArray, m: NDArray) -> None:
    """Fill out (H, W, C) float32 from texture (h, w, C) through the homography m: pixel -> texel."""
    height, width, channels = out.shape
    rows, columns = texture.shape[:2]
    flat = texture.reshape(-1)
    step, line = np.uint32(channels), np.uint32(columns * channels)
    # The texture covers the whole view; the bounds only guard against rounding at its last texels.
    u_end, v_end = columns - 1 - 1e-3, rows - 1 - 1e-3
    for y in range(height):
        for x in range(width):
            depth = 1.0 / (m[2, 0] * x + (m[2, 1] * y + m[2, 2]))
            u = min(max((m[0, 0] * x + (m[0, 1] * y + m[0, 2])) * depth, 0.0), u_end)
            v = min(max((m[1, 0] * x + (m[1, 1] * y + m[1, 2])) * depth, 0.0), v_end)
            column, row = np.uint32(u), np.uint32(v)
            right, low = np.float32(u - column), np.float32(v - row)
            place = row * line + column * step
            for c in range(channels):
                out[y, x, c] = bilinear(flat, place, step, line, right, low)
                place += np.uint32(1)


@njit(cache=True, nogil=True, error_model="numpy")
def paint_sprite(out: NDArray, texture: NDArray, m: NDArray) -> None:
    """Lay texture (S, S, C + 1), colour times alpha then alpha, over out (H, W, C) through the affine map m."""
    height, width, channels = out.shape
    side = texture.shape[0]
    left, top, right_end, bottom = screen_box(m, side, height, width)
    flat = texture.reshape(-1)
    step, line = np.uint32(channels + 1), np.uint32(side * (channels + 1))
    for y in range(top, bottom):
        for x in range(left, right_end):
            u = m[0, 0] * x + (m[0, 1] * y + m[0, 2])
            v = m[1, 0] * x + (m[1, 1] * y + m[1, 2])
            if u < 0.0 or v < 0.0 or u >= side - 1 or v >= side - 1:
                continue
            column, row = np.uint32(u), np.uint32(v)
            right, low = np.float32(u - column), np.float32(v - row)
            place = row * line + column * step
            alpha = bilinear(flat, place + np.uint32(channels), step, line, right, low)
            if alpha == 0.0:
                continue
            for c in range(channels):
                colour = bilinear(flat, place, step, line, right, low)
                out[y, x, c] = out[y, x, c] * (np.float32(1) - alpha) + colour
                place += np.uint32(1)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def bilinear(
    flat: NDArray, place: np.uint32, step: np.uint32, line: np.uint32, right: np.float32, low: np.float32
) -> np.float32:
    """The value between the texel at `place`, its neighbour at `step` and the two below at `line`."""
    above = flat[place] + right * (flat[place + step] - flat[place])
    below = flat[place + line] + right * (flat[place + line + step] - flat[place + line])
    return above + low * (below - above)


@njit(cache=True, nogil=True, error_model="numpy")
def screen_box(m: NDArray, side: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Pixels (left, top, right end, bottom end) that an affine layer of side texels may touch."""
    determinant = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
    for corner in range(4):
        u = (side - 1.0) * (corner % 2) - m[0, 2]
        v = (side - 1.0) * (corner // 2) - m[1, 2]
        x = (m[1, 1] * u - m[0, 1] * v) / determinant
        y = (m[0, 0] * v - m[1, 0] * u) / determinant
        left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
    return (
        int(min(max(np.floor(left), 0), width)),
        int(min(max(np.floor(top), 0), height)),
        int(min(max(np.ceil(right) + 1, 0), width)),
        int(min(max(np.ceil(bottom) + 1, 0), height)),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def add_lit(total: NDArray, picture: NDArray, light: NDArray) -> None:
    """Add picture (H, W, C) times the light (level, slope along x, slope along y) to total."""
    height, width, channels = picture.shape
    for y in range(height):
        row_gain = light[0] + light[2] * ((y - (height - 1) / 2) / height)
        for x in range(width):
            gain = np.float32(row_gain + light[1] * ((x - (width - 1) / 2) / width))
            for c in range(channels):
                total[y, x, c] += picture[y, x, c] * gain


@njit(cache=True, nogil=True, error_model="numpy")
def add_moments(
    totals: NDArray, background: NDArray, sprites: NDArray, maps: NDArray, lights: NDArray, each: int
) -> None:
    """Add pictures at T moments to totals (T / each, H, W, C), `each` moments to one total.

    maps (T, 1 + N, 3, 3): pixel -> texel of every layer. lights (T, 3).
    """
    picture = np.empty_like(totals[0])
    for moment in range(maps.shape[0]):
        paint_background(picture, background, maps[moment, 0])
        for layer in range(sprites.shape[0]):
            paint_sprite(picture, sprites[layer], maps[moment, 1 + layer])
        add_lit(totals[moment // each], picture, lights[moment])

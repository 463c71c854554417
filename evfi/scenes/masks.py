"""The shapes of layers: how opaque each place is, float32 (S, S) in 0 to 1, with edges about one pixel wide."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.demo.textures import TEXELS_PER_PIXEL

Rng = np.random.Generator
Mask = NDArray[np.float32]
# A pixel's footprint, as of the pictures (evfi.demo.textures).
_EDGE_TEXELS = 0.5 * TEXELS_PER_PIXEL
_MARGIN = 4 * TEXELS_PER_PIXEL


def draw_mask(rng: Rng, side: int) -> Mask:
    """A drawn shape within side x side texels; its border is empty."""
    shape = _SHAPES[rng.choice(len(_SHAPES), p=_ODDS)]
    hard = np.zeros((side, side), np.uint8)
    shape(rng, hard, side // 2 - _MARGIN)
    soft = cv2.GaussianBlur(hard.astype(np.float32) / 255, (0, 0), _EDGE_TEXELS)
    soft[:2], soft[-2:], soft[:, :2], soft[:, -2:] = 0, 0, 0, 0
    soft[soft < 1e-3] = 0
    return np.asarray(soft, np.float32)


def _blob(rng: Rng, mask: NDArray, reach: int) -> None:
    """A smooth closed curve with a few bulges."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    radius = np.ones_like(angle)
    for k in range(2, 7):
        radius += rng.uniform(0, 0.4 / k) * np.cos(k * angle + rng.uniform(0, 6.28))
    radius *= reach * rng.uniform(0.6, 1) / radius.max()
    stretch = rng.uniform(0.4, 1)
    _fill(mask, np.stack([radius * np.cos(angle), stretch * radius * np.sin(angle)], axis=1))


def _polygon(rng: Rng, mask: NDArray, reach: int) -> None:
    """Three to seven corners, convex or not."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
    radius = reach * rng.uniform(0.4, 1, angle.size)
    _fill(mask, np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))


def _bars(rng: Rng, mask: NDArray, reach: int) -> None:
    """A fence or a grid of thin bars."""
    period = int(TEXELS_PER_PIXEL * rng.uniform(5, 18))
    width = max(TEXELS_PER_PIXEL, int(period * rng.uniform(0.12, 0.5)))
    centre = len(mask) // 2
    for place in range(centre - reach, centre + reach - width, period):
        cv2.rectangle(mask, (place, centre - reach), (place + width, centre + reach), 255, -1)
    if rng.random() < 0.5:
        mask |= mask.T


def _foliage(rng: Rng, mask: NDArray, reach: int) -> None:
    """Many small leaves with holes between them."""
    centre = len(mask) // 2
    for _ in range(int(rng.integers(20, 90))):
        length = int(TEXELS_PER_PIXEL * rng.uniform(2, 7))
        spread = max(reach - length, 1)
        x, y = (int(centre + spread * np.clip(value, -1, 1)) for value in rng.normal(0, 0.5, 2))
        axes = (length, max(2, int(length * rng.uniform(0.2, 0.5))))
        cv2.ellipse(mask, (x, y), axes, rng.uniform(0, 180), 0, 360, 255, -1)


def _wires(rng: Rng, mask: NDArray, reach: int) -> None:
    """A few thin lines across."""
    centre = len(mask) // 2
    for _ in range(int(rng.integers(1, 7))):
        ends = centre + rng.integers(-reach, reach + 1, (2, 2))
        width = int(TEXELS_PER_PIXEL * rng.uniform(0.7, 3))
        cv2.line(mask, ends[0].tolist(), ends[1].tolist(), 255, width)


def _letters(rng: Rng, mask: NDArray, reach: int) -> None:
    """A short word."""
    word = "".join(rng.choice(list("ABDEGHKMNRSWX0234589"), int(rng.integers(1, 4))))
    face, centre = int(rng.integers(0, 5)), len(mask) // 2
    (width, height), _ = cv2.getTextSize(word, face, 1.0, 2)
    size = 1.8 * reach / max(width, height)
    place = (centre - int(size * width / 2), centre + int(size * height / 2))
    cv2.putText(mask, word, place, face, size, 255, max(2, int(size * 3)))


_SHAPES: tuple[Callable[[Rng, NDArray, int], None], ...] = (_blob, _polygon, _bars, _foliage, _wires, _letters)
_ODDS = (0.35, 0.25, 0.1, 0.1, 0.1, 0.1)


def _fill(mask: NDArray, corners: NDArray) -> None:
    cv2.fillPoly(mask, [np.rint(corners + len(mask) / 2).astype(np.int32)], 255)

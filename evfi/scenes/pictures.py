"""What the surfaces of rendered scenes show: photographs, and patterns that are drawn from a generator.

A picture is radiance, float32 (H, W, C) in (0, 1). Photographs for training, validation and test are different ones;
those of validation and test are the demo's test photographs, so that networks trained on the demo, too, have never seen
them.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.demo.textures import PHOTOGRAPHS, Texture, photograph

_TEST = ("chelsea.png", "coffee.png", "ihc.png")
SCENE_PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "train": (
        *PHOTOGRAPHS["train"],
        "motorcycle_right.png",
        "hubble_deep_field.jpg",
        "cell.png",
        "clock_motion.png",
        "page.png",
    ),
    "validation": tuple(name for name in PHOTOGRAPHS["test"] if name not in _TEST),
    "test": _TEST,
}
_SIDE = 256
_DARKEST, _BRIGHTEST = 0.03, 0.92
_LETTERS = "ABCDEFGHKLMNPRSTUVXYZabcdefghkmnprstuvxyz0123456789&?!%+="

Rng = np.random.Generator


def draw_picture(rng: Rng, split: str, channels: int, procedural: bool) -> tuple[Texture, str]:
    """A picture and its name: one of the split's photographs, changed in tone and orientation, or a pattern."""
    if procedural:
        name = str(rng.choice(list(PATTERNS)))
        return _toned(rng, PATTERNS[name](rng, channels)), name
    name = str(rng.choice(SCENE_PHOTOGRAPHS[split]))
    picture = np.rot90(photograph(name, channels == 1), int(rng.integers(4)))
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    if channels == 3:
        picture = picture[..., rng.permutation(3)]
    return _toned(rng, np.ascontiguousarray(picture)), name


def noise(rng: Rng, channels: int) -> Texture:
    """Noise whose amplitude falls as 1 / frequency^a, a in 0.5 to 2: from gravel to clouds; some of it in steps."""
    across = np.fft.rfftfreq(_SIDE)
    distance = np.hypot(np.fft.fftfreq(_SIDE)[:, None], across)
    distance[0, 0] = 1
    slope = distance ** -rng.uniform(0.5, 2.0)
    planes = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((channels, _SIDE, _SIDE))) * slope).transpose(1, 2, 0)
    # The planes share the first one, so that colours go together.
    mixed = planes[..., :1] + rng.uniform(0.1, 1) * planes
    levels = rng.integers(2, 7) if rng.random() < 0.3 else 0
    scaled = _ranked(mixed)
    return np.minimum(np.floor(scaled * levels) / np.float32(levels - 1), 1).astype(np.float32) if levels else scaled


def gratings(rng: Rng, channels: int) -> Texture:
    """One to three waves across each other, smooth or as bars, with periods of 5 to 60 pixels."""
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    total = np.zeros((_SIDE, _SIDE), np.float32)
    for _ in range(rng.integers(1, 4)):
        angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(5), np.log(60)))
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 6.28))
        total += np.tanh(wave * 4) if rng.random() < 0.4 else wave
    return _coloured(rng, (total - total.min()) / np.ptp(total), channels)


def checkers(rng: Rng, channels: int) -> Texture:
    """A turned board whose fields differ in brightness."""
    side = int(np.exp(rng.uniform(np.log(5), np.log(40))))
    fields = rng.random((_SIDE // side + 2, _SIDE // side + 2)).astype(np.float32)
    if rng.random() < 0.5:
        fields = (np.indices(fields.shape).sum(0) % 2).astype(np.float32)
    board = np.kron(fields, np.ones((side, side), np.float32))[:_SIDE, :_SIDE]
    turn = cv2.getRotationMatrix2D((_SIDE / 2, _SIDE / 2), rng.uniform(0, 360), rng.uniform(0.8, 1.5))
    turned = cv2.warpAffine(board, turn, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return _coloured(rng, np.asarray(turned), channels)


def leaves(rng: Rng, channels: int) -> Texture:
    """Discs and rectangles over each other, with sizes that follow a power law: edges and T-junctions at all scales."""
    picture = np.full((_SIDE, _SIDE, channels), rng.random(channels), np.float32)
    for _ in range(int(rng.integers(150, 400))):
        radius = int(min(3 / rng.random() ** 0.7, 60))
        colour = tuple(float(value) for value in rng.random(channels))
        x, y = (int(value) for value in rng.integers(0, _SIDE, 2))
        if rng.random() < 0.6:
            axes = (radius, max(2, int(radius * rng.uniform(0.3, 1))))
            cv2.ellipse(picture, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints(((x, y), (2.0 * radius, radius * rng.uniform(0.3, 2)), rng.uniform(0, 180)))
            cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    return picture


def lines(rng: Rng, channels: int) -> Texture:
    """Thin lines and curves before a quiet ground."""
    picture = _ground(rng, channels)
    for _ in range(int(rng.integers(15, 90))):
        colour = tuple(float(value) for value in rng.random(channels))
        ends = rng.integers(-20, _SIDE + 20, (2, 2))
        width = int(rng.integers(1, 4))
        if rng.random() < 0.7:
            cv2.line(picture, ends[0].tolist(), ends[1].tolist(), colour, width, cv2.LINE_AA)
        else:
            axes = [int(value) for value in rng.integers(5, 80, 2)]
            turn, arc = rng.uniform(0, 180), rng.uniform(90, 360)
            cv2.ellipse(picture, ends[0].tolist(), axes, turn, 0, arc, colour, width, cv2.LINE_AA)
    return picture


def text(rng: Rng, channels: int) -> Texture:
    """Lines of letters and digits, dark on bright or bright on dark."""
    picture = _ground(rng, channels)
    dark = float(picture.mean()) > 0.5
    y = int(rng.integers(5, 25))
    while y < _SIDE + 20:
        size, ink = rng.uniform(0.35, 1.3), np.zeros((_SIDE, _SIDE), np.uint8)
        words = "".join(rng.choice(list(_LETTERS + "    "), 48))
        face, thickness = int(rng.integers(0, 8)), int(rng.integers(1, 3))
        cv2.putText(ink, words, (int(rng.integers(-40, 5)), y), face, size, 255, thickness, cv2.LINE_AA)
        colour = (rng.uniform(0, 0.25, channels) if dark else rng.uniform(0.7, 1, channels)).astype(np.float32)
        opacity = ink[..., None] / np.float32(255)
        picture = (picture * (1 - opacity) + colour * opacity).astype(np.float32)
        y += int(14 + 24 * size)
    return picture


PATTERNS: dict[str, Callable[[Rng, int], Texture]] = {
    "noise": noise,
    "gratings": gratings,
    "checkers": checkers,
    "leaves": leaves,
    "lines": lines,
    "text": text,
}


def _toned(rng: Rng, picture: NDArray) -> Texture:
    """Another gamma, range and cast."""
    low, high = float(picture.min()), float(picture.max())
    scaled = np.clip((picture - low) / max(high - low, 1e-6), 0, 1) ** np.exp(rng.uniform(-0.45, 0.45))
    black = rng.uniform(_DARKEST, 0.25)
    white = black + (_BRIGHTEST - black) * rng.uniform(0.5, 1.0)
    cast = rng.uniform(0.75, 1.0, picture.shape[2])
    return (black + (white - black) * scaled * (cast / cast.max())).astype(np.float32)


def _ranked(planes: NDArray) -> Texture:
    """Each plane between its 1st and 99th percentile as 0 to 1."""
    low, high = np.percentile(planes, (1, 99), axis=(0, 1))
    return np.clip((planes - low) / np.maximum(high - low, 1e-6), 0, 1).astype(np.float32)


def _coloured(rng: Rng, plane: NDArray, channels: int) -> Texture:
    """A plane in 0 to 1 as a way from one colour to another."""
    first, second = rng.random((2, channels))
    return (first + (second - first) * plane[..., None]).astype(np.float32)


def _ground(rng: Rng, channels: int) -> Texture:
    """A plain colour with a little noise of low frequency."""
    coarse = cv2.resize(rng.random((6, 6)).astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    ground = rng.random(channels) * 0.8 + rng.uniform(0, 0.3) * (coarse[..., None] - 0.5)
    return np.ascontiguousarray(np.clip(ground, 0, 1), np.float32).reshape(_SIDE, _SIDE, channels)

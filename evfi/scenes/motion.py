"""How cameras, layers and light of rendered scenes move: smooth, but seldom at a constant speed.

Speeds are pixels per second. A path is a slow wave, of which the scene sees less than a turn (so that it speeds up,
slows down or turns back), and a quicker, smaller one.
"""

from dataclasses import dataclass

import numpy as np

from evfi.demo.paths import CameraPath, Light, SpritePath, Waves
from evfi.types import SensorSize
from evfi.units import US_PER_S

Rng = np.random.Generator
_SWAY_TURNS, _WOBBLE_TURNS, _WOBBLE = (0.05, 0.5), (0.5, 2.5), 0.4
_STILL = Waves(0.0, np.zeros(1), np.zeros(1), np.zeros(1))
_TILT = 0.08


@dataclass(frozen=True, slots=True)
class Span:
    """How long a scene lasts, in seconds."""

    seconds: float

    @classmethod
    def of_us(cls, duration_us: int) -> "Span":
        return cls(duration_us / US_PER_S)


def travel(rng: Rng, speed: float, span: Span, place: float = 0.0) -> Waves:
    """A coordinate that passes `place` in the middle of the scene with about this speed."""
    sway_hz, wobble_hz = rng.uniform(*_SWAY_TURNS) / span.seconds, rng.uniform(*_WOBBLE_TURNS) / span.seconds
    sway = speed / (2 * np.pi * sway_hz)
    wobble = rng.uniform(0, _WOBBLE) * speed / (2 * np.pi * wobble_hz)
    in_the_middle = np.array([rng.normal(0, 0.5), rng.uniform(0, 2 * np.pi)])
    rates, amplitudes = np.array([sway_hz, wobble_hz]), np.array([sway, wobble])
    offset = place - float(amplitudes @ np.sin(in_the_middle))
    return Waves(offset, amplitudes, rates, in_the_middle - np.pi * rates * span.seconds)


def draw_camera(rng: Rng, speed: float, size: SensorSize, span: Span) -> CameraPath:
    """A camera that pans; one half of them turn, zoom or tilt as well, so that the picture's edge moves as fast."""
    angle, half = rng.uniform(0, 2 * np.pi), max(size.height, size.width) / 2
    turn, zoom, tilt = (rng.uniform(0, 1) * (rng.random() < 0.5) for _ in range(3))
    return CameraPath(
        x=travel(rng, speed * np.cos(angle), span),
        y=travel(rng, speed * np.sin(angle), span),
        angle=travel(rng, turn * speed / half, span, rng.uniform(-0.3, 0.3)),
        log_zoom=travel(rng, zoom * speed / half, span),
        tilt_x=travel(rng, tilt * _TILT / half / span.seconds, span),
        tilt_y=travel(rng, tilt * _TILT / half / span.seconds, span),
    )


def still_camera() -> CameraPath:
    """A camera on a tripod."""
    return CameraPath(_STILL, _STILL, _STILL, _STILL, _STILL, _STILL)


def draw_layer_path(rng: Rng, speed: float, size: SensorSize, reach: float, span: Span) -> SpritePath:
    """A layer that is in sight in the middle of the scene, and may turn, grow and shear."""
    angle, (x, y) = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5, 2) * (size.width, size.height)
    turn, growth = (rng.normal(0, 0.5) * speed / reach * (rng.random() < 0.6) for _ in range(2))
    return SpritePath(
        x=travel(rng, speed * np.cos(angle), span, x),
        y=travel(rng, speed * np.sin(angle), span, y),
        angle=travel(rng, turn, span, rng.uniform(-np.pi, np.pi)),
        turn_rad_per_s=0.0,
        log_scale=travel(rng, 0.5 * growth, span),
        shear=travel(rng, 0.1 * growth, span),
    )


def draw_light(rng: Rng, span: Span, steady: bool) -> Light:
    """Bright or dim; where it is not steady, it drifts or flickers by up to a third, and leans to one side."""
    level = rng.uniform(0.55, 1.05)
    if steady:
        return Light(Waves(level, np.zeros(1), np.zeros(1), np.zeros(1)), _STILL, _STILL)
    turns = np.exp(rng.uniform(np.log(0.3), np.log(4), 3))

    def wave(part: float, number: int, offset: float = 0.0) -> Waves:
        return Waves(
            offset, np.array([part * level]), turns[number : number + 1] / span.seconds, rng.uniform(0, 6.28, 1)
        )

    return Light(wave(rng.uniform(0, 0.33), 0, level), wave(rng.uniform(0, 0.3), 1), wave(rng.uniform(0, 0.3), 2))

"""How the demo's motions, outlines and light are drawn: all the numbers that make scenes demanding stand here.

Speeds are drawn in pixels per frame interval, so that the statistics that `evfi.demo.statistics` measures hold for
any picture size and frame rate; periods then follow from the path's extent.
"""

from dataclasses import dataclass

import numpy as np

from evfi.demo.paths import CameraPath, Light, SpritePath, Waves
from evfi.demo.textures import Outline
from evfi.types import SensorSize

# Speeds and sizes hold for pictures of this height. In larger ones the same speed uncovers a smaller share of the
# picture, so there more, relatively smaller and slightly faster sprites fly.
_REFERENCE_HEIGHT = 96
_SPEED_EXPONENT = 0.5
_COUNT_EXPONENT = 1.0
_RADIUS_EXPONENT = -0.3
_CAMERA_PX_PER_FRAME = (0.6, 1.5)
_SPRITE_PX_PER_FRAME = (3.7, 5.6)
_SPRITES = (3.0, 4.4)
_FEWEST_SPRITES = 3
_RADIUS_PER_HEIGHT = (0.14, 0.22)


@dataclass(frozen=True, slots=True)
class Speeds:
    """Typical speeds of one scene in pixels per second."""

    camera: float
    sprite: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, sensor_size: SensorSize, frames_per_second: float) -> "Speeds":
        """Calm and lively scenes: both speeds are uniform in their ranges."""
        scale = frames_per_second * _relative_height(sensor_size) ** _SPEED_EXPONENT
        return cls(rng.uniform(*_CAMERA_PX_PER_FRAME) * scale, rng.uniform(*_SPRITE_PX_PER_FRAME) * scale)


def draw_sprite_count(rng: np.random.Generator, sensor_size: SensorSize) -> int:
    """How many sprites fly over a picture."""
    return max(_FEWEST_SPRITES, round(rng.uniform(*_SPRITES) * _relative_height(sensor_size) ** _COUNT_EXPONENT))


def draw_camera(rng: np.random.Generator, sensor_size: SensorSize, speeds: Speeds) -> CameraPath:
    """A slow sweep and a faster sway on each axis, with a little turning, zooming and tilting."""
    half = sensor_size.width / 2
    sweep_hz, sway_hz = rng.uniform(0.3, 0.5), rng.uniform(1.0, 1.6)
    sweep = speeds.camera * 2**0.5 / (2 * np.pi * sweep_hz)
    sway = 0.5 * speeds.camera / (2 * np.pi * sway_hz)
    turn_hz, zoom_hz = rng.uniform(0.3, 0.6, 2)
    edge_speed = 0.5 * speeds.camera / half
    return CameraPath(
        x=_waves(rng, [sweep, sway], [sweep_hz, sway_hz]),
        y=_waves(rng, [0.7 * sweep, 0.7 * sway], [sweep_hz * rng.uniform(0.7, 1.3), sway_hz * rng.uniform(0.7, 1.3)]),
        angle=_waves(rng, [edge_speed / (2 * np.pi * turn_hz)], [turn_hz]),
        log_zoom=_waves(rng, [edge_speed / (2 * np.pi * zoom_hz)], [zoom_hz]),
        tilt_x=_waves(rng, [0.08 / half], [rng.uniform(0.2, 0.6)]),
        tilt_y=_waves(rng, [0.08 / half], [rng.uniform(0.2, 0.6)]),
    )


def draw_sprite_path(
    rng: np.random.Generator, sensor_size: SensorSize, speeds: Speeds, index: int, count: int
) -> SpritePath:
    """An orbit that crosses most of the picture, with a wobble; sprites start evenly spread round the picture."""
    extent_x, extent_y = rng.uniform(0.24, 0.38) * sensor_size.width, rng.uniform(0.22, 0.36) * sensor_size.height
    speed = speeds.sprite * rng.uniform(0.75, 1.25)
    rate_hz = speed / (2 * np.pi * (0.5 * (extent_x**2 + extent_y**2)) ** 0.5)
    start = 2 * np.pi * (index + rng.uniform(-0.3, 0.3)) / count
    way_round = rng.choice([-1, 1])
    wobble_hz = rng.uniform(1.2, 1.9)
    wobble = 0.25 * speed / (2 * np.pi * wobble_hz)
    sway_hz, breath_hz, shear_hz = rng.uniform(0.4, 0.9, 3)
    return SpritePath(
        x=_orbit(rng, sensor_size.width, extent_x, rate_hz, start + np.pi / 2, wobble, wobble_hz),
        y=_orbit(rng, sensor_size.height, extent_y, way_round * rate_hz, start, wobble, wobble_hz),
        angle=_waves(rng, [0.4], [sway_hz], offset=rng.uniform(-0.5, 0.5)),
        turn_rad_per_s=rng.uniform(-0.8, 0.8),
        log_scale=_waves(rng, [0.14], [breath_hz]),
        shear=_waves(rng, [0.08], [shear_hz]),
    )


def draw_outline(rng: np.random.Generator, sensor_size: SensorSize) -> Outline:
    """A blob with a few bulges; its radius is a share of the picture's height."""
    bound = np.array([0.2, 0.12, 0.06, 0.04])
    shrink = _relative_height(sensor_size) ** _RADIUS_EXPONENT
    return Outline(
        radius_px=float(rng.uniform(*_RADIUS_PER_HEIGHT) * sensor_size.height * shrink),
        amplitude=tuple(float(a) for a in rng.uniform(0.2, 1, bound.size) * bound),
        phase=tuple(float(a) for a in rng.uniform(0, 2 * np.pi, bound.size)),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """Light that drifts by some 10 % and leans to one side; the gain lies in 0.67 to 1.13."""
    return Light(
        level=_waves(rng, [0.08, 0.03], [rng.uniform(0.2, 0.4), rng.uniform(0.6, 1.0)], offset=0.9),
        slope_x=_waves(rng, [0.12], [rng.uniform(0.2, 0.5)]),
        slope_y=_waves(rng, [0.12], [rng.uniform(0.2, 0.5)]),
    )


def _relative_height(sensor_size: SensorSize) -> float:
    return sensor_size.height / _REFERENCE_HEIGHT


def _orbit(
    rng: np.random.Generator, length: int, extent: float, rate_hz: float, phase: float, wobble: float, wobble_hz: float
) -> Waves:
    return Waves(
        offset=float(rng.uniform(-0.08, 0.08) * length),
        amplitude=np.array([extent, wobble]),
        rate_hz=np.array([rate_hz, wobble_hz]),
        phase=np.array([phase, rng.uniform(0, 2 * np.pi)]),
    )


def _waves(rng: np.random.Generator, amplitude: list[float], rate_hz: list[float], offset: float = 0.0) -> Waves:
    """Waves with random phases."""
    return Waves(offset, np.array(amplitude), np.array(rate_hz), rng.uniform(0, 2 * np.pi, len(amplitude)))

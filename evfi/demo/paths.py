"""Smooth paths: sums of sinusoids for the camera, the sprites and the light; all exact at any time.

Conventions: screen coordinates have their origin in the picture's centre, x right, y down, in pixels; times are
microseconds since the scene's start (float64, since sub-exposure times fall between whole ones).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evfi.units import US_PER_S

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Waves:
    """offset + sum of amplitude * sin(2 pi rate_hz t + phase)."""

    offset: float
    amplitude: Float
    rate_hz: Float
    phase: Float

    def at(self, t_us: ArrayLike) -> Float:
        """Values at times (n,) µs."""
        turns = np.multiply.outer(np.asarray(t_us, np.float64) / US_PER_S, self.rate_hz)
        return self.offset + np.sin(2 * np.pi * turns + self.phase) @ self.amplitude


@dataclass(frozen=True, eq=False, slots=True)
class CameraPath:
    """The camera before its background plane: shift, turn, zoom and two tilts (the projective terms)."""

    x: Waves
    y: Waves
    angle: Waves
    log_zoom: Waves
    tilt_x: Waves
    tilt_y: Waves

    def world_from_screen(self, t_us: ArrayLike) -> Float:
        """Homographies (n, 3, 3) from centred screen pixels to pixels of the background plane."""
        tilt = _identities(t_us)
        tilt[:, 2, 0], tilt[:, 2, 1] = self.tilt_x.at(t_us), self.tilt_y.at(t_us)
        similarity = _similarity(self.angle.at(t_us), np.exp(self.log_zoom.at(t_us)), t_us)
        similarity[:, 0, 2], similarity[:, 1, 2] = self.x.at(t_us), self.y.at(t_us)
        return similarity @ tilt


@dataclass(frozen=True, eq=False, slots=True)
class SpritePath:
    """A sprite's own motion over the picture: a curved orbit while it turns, breathes and shears a little."""

    x: Waves
    y: Waves
    angle: Waves
    turn_rad_per_s: float
    log_scale: Waves
    shear: Waves

    def screen_from_sprite(self, t_us: ArrayLike) -> Float:
        """Affine maps (n, 3, 3) from the sprite's own pixels (origin in its centre) to centred screen pixels."""
        turned = self.angle.at(t_us) + self.turn_rad_per_s * np.asarray(t_us, np.float64) / US_PER_S
        motion = _similarity(turned, np.exp(self.log_scale.at(t_us)), t_us)
        motion[:, 0, 2], motion[:, 1, 2] = self.x.at(t_us), self.y.at(t_us)
        shear = _identities(t_us)
        shear[:, 0, 1] = self.shear.at(t_us)
        return motion @ shear


@dataclass(frozen=True, eq=False, slots=True)
class Light:
    """Illumination: gain = level + slope_x * x / width + slope_y * y / height, everywhere in the picture."""

    level: Waves
    slope_x: Waves
    slope_y: Waves

    def at(self, t_us: ArrayLike) -> Float:
        """(n, 3): level, slope_x and slope_y at times (n,) µs."""
        return np.stack([self.level.at(t_us), self.slope_x.at(t_us), self.slope_y.at(t_us)], axis=-1)


def _identities(t_us: ArrayLike) -> Float:
    return np.tile(np.eye(3), (np.size(t_us), 1, 1))


def _similarity(angle: Float, scale: Float, t_us: ArrayLike) -> Float:
    matrices = _identities(t_us)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrices[:, 0, 0], matrices[:, 0, 1] = cosine, -sine
    matrices[:, 1, 0], matrices[:, 1, 1] = sine, cosine
    return matrices

"""Pictures of a scene: at a moment, averaged over an exposure, and as 8-bit values."""

import numpy as np
from numpy.typing import NDArray

from evfi.demo.render_kernels import add_moments
from evfi.demo.scene import Scene
from evfi.errors import UserError
from evfi.units import US_PER_MS

Picture = NDArray[np.float32]

# Within 1 ms the fastest sprite of the default demo moves by 0.4 px, less than a pixel's own blur.
_MOMENT_EVERY_US = US_PER_MS


def render(scene: Scene, t_us: float) -> Picture:
    """The scene at one moment (µs since its start): float32 (H, W, C), radiance of about 0 to 1."""
    return render_moments(scene, np.array([t_us], np.float64))[0]


def render_moments(scene: Scene, t_us: NDArray[np.float64]) -> Picture:
    """The scene at several moments (N,): float32 (N, H, W, C)."""
    return _sums(scene, t_us, each=1)


def render_exposure(scene: Scene, start_us: float, end_us: float) -> Picture:
    """The mean over an exposure [start_us, end_us), from moments at most 1 ms apart; (H, W, C) float32.

    Raises:
        UserError: the exposure is empty.
    """
    if end_us <= start_us:
        raise UserError(f"the exposure [{start_us}, {end_us}) is empty: its end must lie after its start")
    count = max(2, int(np.ceil((end_us - start_us) / _MOMENT_EVERY_US)))
    t_us = start_us + (np.arange(count, dtype=np.float64) + 0.5) * ((end_us - start_us) / count)
    return _sums(scene, t_us, each=count)[0] / np.float32(count)


def to_uint8(picture: Picture, noise_dn: NDArray | None = None) -> NDArray[np.uint8]:
    """8-bit values of a picture in 0 to 1, with additive noise (in 8-bit steps) before rounding; clipped."""
    steps = picture * np.float32(255)
    if noise_dn is not None:
        steps = steps + noise_dn
    return np.clip(np.rint(steps), 0, 255).astype(np.uint8)


def _sums(scene: Scene, t_us: NDArray[np.float64], each: int) -> Picture:
    """Sums of the pictures at `each` moments after another: (N / each, H, W, C)."""
    size, channels = scene.sensor_size, scene.background.shape[2]
    totals = np.zeros((len(t_us) // each, size.height, size.width, channels), np.float32)
    add_moments(totals, scene.background, scene.sprites, scene.texture_from_screen(t_us), scene.light.at(t_us), each)
    return totals

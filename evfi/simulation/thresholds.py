"""What is drawn once per clip: contrast thresholds, and how strong the noise is."""

from dataclasses import dataclass

import numpy as np

from evfi.errors import UserError
from evfi.provenance import item_seed
from evfi.simulation.options import MIN_CONTRAST, NormalDraw, RatioDraw, SimulationOptions, UniformDraw


@dataclass(frozen=True, slots=True)
class Contrast:
    """The thresholds of ON and OFF events in log-intensity units, both positive."""

    pos: float
    neg: float

    def __post_init__(self) -> None:
        for name in ("pos", "neg"):
            value = getattr(self, name)
            if not MIN_CONTRAST <= value < np.inf:
                raise UserError(f"a contrast threshold must be at least {MIN_CONTRAST}, got {name} = {value!r}")


def draw_contrast(options: SimulationOptions, seed: int) -> Contrast:
    """The thresholds of one clip; the same for the same options and seed."""
    generator = np.random.default_rng(item_seed(seed, "contrast"))
    pos = _drawn(options.contrast_pos, generator)
    neg = options.contrast_neg
    if isinstance(neg, RatioDraw):
        return Contrast(pos, _clipped(pos * generator.normal(neg.mean, neg.sigma), neg.low, neg.high))
    return Contrast(pos, _drawn(neg, generator))


def with_drawn_noise(options: SimulationOptions, seed: int) -> SimulationOptions:
    """The options of one clip: their noise at the strength that is drawn for it; the same for the same seed."""
    law = options.noise_strength
    if law is None:
        return options
    generator = np.random.default_rng(item_seed(seed, "noise strength"))
    clean, strength = generator.random() < law.clean_share, float(generator.uniform(law.low, law.high))
    return options.replaced(noise=options.noise.scaled(0.0 if clean else strength), noise_strength=None)


def _drawn(draw: float | UniformDraw | NormalDraw, generator: np.random.Generator) -> float:
    if isinstance(draw, UniformDraw):
        return float(generator.uniform(draw.low, draw.high))
    if isinstance(draw, NormalDraw):
        return _clipped(generator.normal(draw.mean, draw.sigma), draw.low, draw.high)
    return float(draw)


def _clipped(value: float, low: float, high: float | None) -> float:
    return float(np.clip(value, low, high))

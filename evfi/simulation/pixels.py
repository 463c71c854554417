"""What the pixels of one simulated sensor are (drawn once, frozen) and what they remember from frame to frame."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evfi.types import SensorSize


@dataclass(frozen=True, eq=False, slots=True)
class PixelModel:
    """The constants of every pixel; arrays are (H, W) float64.

    contrast_pos, contrast_neg: thresholds, log-intensity units. drift_per_us: what leak adds to the log intensity in a
    microsecond (None: no leak). start_phase: how much of the ON threshold a pixel has used up at the first frame,
    [0, 1) (None: nothing). shot_rate_hz: random events per second of a black pixel, 0 = none.
    """

    contrast_pos: NDArray[np.float64]
    contrast_neg: NDArray[np.float64]
    refractory_us: float
    drift_per_us: NDArray[np.float64] | None = None
    start_phase: NDArray[np.float64] | None = None
    shot_rate_hz: float = 0.0
    shot_seed: int = 0

    @property
    def sensor_size(self) -> SensorSize:
        return SensorSize(height=self.contrast_pos.shape[0], width=self.contrast_pos.shape[1])


@dataclass(eq=False, slots=True)
class PixelState:
    """What is carried from interval to interval. A backend changes it in place.

    level: (H, W) float64 log intensity at the last event. last_us: (H, W) float64 time of the last event after
    origin_us, -inf = none yet. interval: number of intervals done. quiet: a backend's own cache.
    """

    level: NDArray[np.float64]
    last_us: NDArray[np.float64]
    origin_us: int
    interval: int = 0
    quiet: tuple[NDArray, NDArray] | None = field(default=None, repr=False)

    @classmethod
    def at_first_frame(cls, model: PixelModel, log_frame: NDArray[np.float64], t_us: int) -> "PixelState":
        """The first frame sets the level (less the phase) and the origin of time."""
        level = log_frame.copy()
        if model.start_phase is not None:
            level -= model.start_phase * model.contrast_pos
        return cls(level, np.full(level.shape, -np.inf), t_us)

"""What the pixels of one simulated sensor are (drawn once, frozen) and what they remember from frame to frame."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evfi.types import SensorSize
from evfi.units import NS_PER_US


@dataclass(frozen=True, eq=False, slots=True)
class PixelModel:
    """The constants of every pixel; arrays are (H, W) float64.

    contrast_pos, contrast_neg: thresholds, log-intensity units. by_level: the law; True = esim_torch, whose polarity
    goes by the stored level and whose clock ticks in whole nanoseconds, False = esim_py (clock: unrounded
    microseconds). cutoff_hz: of a white pixel's low-pass, 0 = none. drift_per_us: what leak adds to the log intensity
    in a microsecond (None: no leak). leak_jitter: its relative standard deviation from interval to interval.
    start_phase: how much of the ON threshold a pixel has used up at the first frame, [0, 1) (None: nothing).
    shot_rate_hz: random events per second of a black pixel, 0 = none.
    """

    contrast_pos: NDArray[np.float64]
    contrast_neg: NDArray[np.float64]
    refractory_us: float
    by_level: bool = False
    cutoff_hz: float = 0.0
    drift_per_us: NDArray[np.float64] | None = None
    leak_jitter: float = 0.0
    leak_seed: int = 0
    start_phase: NDArray[np.float64] | None = None
    shot_rate_hz: float = 0.0
    shot_seed: int = 0

    @property
    def sensor_size(self) -> SensorSize:
        return SensorSize(height=self.contrast_pos.shape[0], width=self.contrast_pos.shape[1])

    @property
    def leak_jitters(self) -> bool:
        """Whether leak has to be summed up interval by interval."""
        return self.drift_per_us is not None and self.leak_jitter > 0

    @property
    def noisy(self) -> bool:
        """Whether a pixel can have an event without leaving its quiet range of gray values."""
        return self.drift_per_us is not None or self.shot_rate_hz > 0 or self.cutoff_hz > 0

    @property
    def refractory_ticks(self) -> float:
        """The refractory period in ticks of the law's clock."""
        return self.refractory_us * NS_PER_US if self.by_level else self.refractory_us


@dataclass(eq=False, slots=True)
class PixelState:
    """What is carried from interval to interval. A backend changes it in place; arrays are (H, W) float64.

    level: log intensity at the last event. last_tick: time of the last event after origin_us in ticks of the law's
    clock, -inf = none yet. filtered: what the low-pass gives now (None: no low-pass). leaked: what leak has added so
    far (None: it does not jitter). interval: number of intervals done. quiet: a backend's own cache.
    """

    level: NDArray[np.float64]
    last_tick: NDArray[np.float64]
    origin_us: int
    filtered: NDArray[np.float64] | None = None
    leaked: NDArray[np.float64] | None = None
    interval: int = 0
    quiet: tuple[NDArray, NDArray] | None = field(default=None, repr=False)

    @classmethod
    def at_first_frame(cls, model: PixelModel, log_frame: NDArray[np.float64], t_us: int) -> "PixelState":
        """The first frame sets the level (less the phase) and the origin of time."""
        level = log_frame.copy()
        if model.start_phase is not None:
            level -= model.start_phase * model.contrast_pos
        return cls(
            level=level,
            last_tick=np.full(level.shape, -np.inf),
            origin_us=t_us,
            filtered=log_frame.copy() if model.cutoff_hz > 0 else None,
            leaked=np.zeros(level.shape) if model.leak_jitters else None,
        )

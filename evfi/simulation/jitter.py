"""The read-out's error of an event's time.

An event's error depends on the seed and the event alone, so it is the same in every backend and chunking.
"""

from statistics import NormalDist

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from evfi.provenance import item_seed
from evfi.simulation.event_keys import in_canonical_order, key_of
from evfi.simulation.random_bits import mixed
from evfi.types import Events, SensorSize

_STEP_BITS = 12


def jitter_table(sigma_us: float) -> NDArray[np.int64]:
    """4096 equally likely errors in whole microseconds: quantiles of N(0, sigma_us), sorted.

    The largest is 3.7 standard deviations.
    """
    steps = 1 << _STEP_BITS
    quantiles = [NormalDist().inv_cdf((i + 0.5) / steps) for i in range(steps)]
    return np.rint(np.array(quantiles) * sigma_us).astype(np.int64)


class Jitter:
    """Moves events in time and gives them back in canonical order; those that later ones may overtake wait."""

    def __init__(self, sigma_us: float, seed: int, sensor_size: SensorSize) -> None:
        self.sensor_size = sensor_size
        self._table = jitter_table(sigma_us) if sigma_us > 0 else None
        self._seed = item_seed(seed, "jitter")
        self._origin_us: int | None = None
        self._end_us = 0
        self._waiting = Events.empty(sensor_size)

    def applied(self, events: Events, start_us: int, end_us: int) -> Events:
        """Jittered events that no later event can precede; `events` are those of [start_us, end_us)."""
        if self._table is None:
            return events
        if self._origin_us is None:
            self._origin_us = start_us
        self._end_us = end_us
        moved = _moved(events.x, events.y, events.t, events.p, self._table, self._seed, self._origin_us)
        events = Events(events.x, events.y, moved, events.p, self.sensor_size)
        events = in_canonical_order(Events.concatenated([self._waiting, events], self.sensor_size))
        first_waiting = int(np.searchsorted(events.t, end_us - self._table[-1]))
        self._waiting = events.take(slice(first_waiting, None))
        return events.take(slice(first_waiting))

    def rest(self) -> Events:
        """The events that waited, none at or after the last end_us."""
        rest, self._waiting = self._waiting, Events.empty(self.sensor_size)
        t = np.minimum(rest.t, self._end_us - 1)
        return in_canonical_order(Events(rest.x, rest.y, t, rest.p, self.sensor_size))


@njit(cache=True, nogil=True)
def _moved(x, y, t, p, table, seed, origin_us):
    """Times with their errors, none before origin_us."""
    moved = np.empty_like(t)
    for i in range(t.size):
        time_bits = mixed(uint64(seed) + uint64(t[i] - origin_us))
        bits = mixed(time_bits + key_of(0, y[i], x[i], p[i]))
        moved[i] = max(t[i] + table[bits >> uint64(64 - _STEP_BITS)], origin_us)
    return moved

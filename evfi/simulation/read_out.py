"""The read-out: how late an event is stamped, and with what error.

An event's error depends on the seed and the event alone, so it is the same in every backend and chunking.
"""

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from evfi.provenance import item_seed
from evfi.simulation.event_keys import in_canonical_order, key_of
from evfi.simulation.intensity import gray_shift
from evfi.simulation.noise import SPEED_OFFSET
from evfi.simulation.options import NoiseOptions
from evfi.simulation.random_bits import NORMAL_BITS, mixed, normal_quantiles
from evfi.types import Events, SensorSize


def jitter_table(sigma_us: float) -> NDArray[np.int64]:
    """4096 equally likely errors in whole microseconds, distributed as N(0, sigma_us), sorted."""
    return np.rint(normal_quantiles() * sigma_us).astype(np.int64)


def latency_table(noise: NoiseOptions) -> NDArray[np.int64]:
    """Whole microseconds of latency at each 8-bit gray value."""
    part = SPEED_OFFSET / (np.arange(256) + SPEED_OFFSET)
    return np.rint(noise.latency_us + noise.latency_dark_us * part).astype(np.int64)


class ReadOut:
    """Moves events in time and gives them back in canonical order; those that later ones may overtake wait."""

    def __init__(self, noise: NoiseOptions, seed: int, sensor_size: SensorSize) -> None:
        self.sensor_size = sensor_size
        self._idle = not noise.moves_times
        self._jitter = jitter_table(noise.jitter_us) if noise.jitter_us > 0 else None
        self._latency = latency_table(noise) if noise.latency_us > 0 or noise.latency_dark_us > 0 else None
        earliest = (0 if self._latency is None else self._latency.min()) + (
            0 if self._jitter is None else self._jitter[0]
        )
        self._earliest_us = min(0, int(earliest))
        self._seed = item_seed(seed, "jitter")
        self._origin_us: int | None = None
        self._end_us = 0
        self._waiting = Events.empty(sensor_size)

    def delayed(self, events: Events, indices: NDArray, t_us: NDArray[np.int64]) -> Events:
        """Events of the intervals between frames with their latency, no longer in order.

        indices, t_us: the frames, as a backend gets them. The gray value is that of the interval's later frame.
        """
        if self._latency is None:
            return events
        later = np.searchsorted(t_us, events.t, side="right")
        gray = indices[later, events.y, events.x] >> gray_shift(indices.dtype)
        return Events(events.x, events.y, events.t + self._latency[gray], events.p, self.sensor_size)

    def applied(self, events: Events, start_us: int, end_us: int) -> Events:
        """Events with jitter that no later event can precede; `events` happened in [start_us, end_us)."""
        if self._idle:
            return events
        if self._origin_us is None:
            self._origin_us = start_us
        self._end_us = end_us
        if self._jitter is not None:
            moved = _moved(events.x, events.y, events.t, events.p, self._jitter, self._seed, self._origin_us)
            events = Events(events.x, events.y, moved, events.p, self.sensor_size)
        events = in_canonical_order(Events.concatenated([self._waiting, events], self.sensor_size))
        first_waiting = int(np.searchsorted(events.t, end_us + self._earliest_us))
        self._waiting = events.take(slice(first_waiting, None))
        return events.take(slice(first_waiting))

    def rest(self) -> Events:
        """The events that waited. None lies at or after the last end_us: what latency moved there is lost, what jitter
        alone moved there is put before it."""
        rest, self._waiting = self._waiting, Events.empty(self.sensor_size)
        if self._latency is not None:
            return rest.take(slice(int(np.searchsorted(rest.t, self._end_us))))
        t = np.minimum(rest.t, self._end_us - 1)
        return in_canonical_order(Events(rest.x, rest.y, t, rest.p, self.sensor_size))


@njit(cache=True, nogil=True)
def _moved(x, y, t, p, table, seed, origin_us):
    """Times with their errors, none before origin_us."""
    moved = np.empty_like(t)
    for i in range(t.size):
        time_bits = mixed(uint64(seed) + uint64(t[i] - origin_us))
        bits = mixed(time_bits + key_of(0, y[i], x[i], p[i]))
        moved[i] = max(t[i] + table[bits >> uint64(64 - NORMAL_BITS)], origin_us)
    return moved

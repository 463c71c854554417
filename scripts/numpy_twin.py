"""The simulator's law in vectorised NumPy: what a careful NumPy program reaches, the yardstick of `bench_simulator.py`.

Same events as `evfi.simulation.reference` with law esim_py and without noise (tests/simulation/test_numpy_twin.py).
"""

import numpy as np
from numpy.typing import NDArray

from evfi.simulation.event_keys import events_of
from evfi.simulation.intensity import log_table, table_indices
from evfi.types import Events, SensorSize


def simulate_by_numpy(
    frames: NDArray, t_us: NDArray[np.int64], contrast_pos: float, contrast_neg: float, refractory_us: int = 0
) -> Events:
    """Events in canonical order of gray frames (N, H, W), uint8 or float in [0, 255], less than 35 minutes long."""
    indices = table_indices(frames)
    logs = log_table(indices.dtype, 1e-3).values[indices].reshape(len(frames), -1)
    height, width = frames.shape[1:]
    cells = np.arange(height * width)
    place = ((cells // width) << 17 | (cells % width) << 1).astype(np.uint64)
    level, last_us = logs[0].copy(), np.full(logs[0].shape, -np.inf)
    keys = [np.empty(0, np.uint64)]
    for k in range(len(frames) - 1):
        start_us, dt_us = int(t_us[k] - t_us[0]), int(t_us[k + 1] - t_us[k])
        change = logs[k + 1] - logs[k]
        beyond = np.where(change > 0, level + contrast_pos <= logs[k + 1], logs[k + 1] <= level - contrast_neg)
        active = np.flatnonzero(beyond & (change != 0))
        while active.size:
            prev, new, rising = logs[k][active], logs[k + 1][active], change[active] > 0
            crossing = level[active] + np.where(rising, contrast_pos, -contrast_neg)
            crosses = np.where(rising, (prev < crossing) & (crossing <= new), (new <= crossing) & (crossing < prev))
            active, prev, rising, crossing = active[crosses], prev[crosses], rising[crosses], crossing[crosses]
            level[active] = crossing
            after_us = (crossing - prev) * (dt_us / change[active])
            kept = start_us + after_us - last_us[active] >= refractory_us
            last_us[active[kept]] = start_us + after_us[kept]
            whole_us = (start_us + np.minimum(after_us[kept].astype(np.int64), dt_us - 1)).astype(np.uint64)
            keys.append(whole_us << np.uint64(33) | place[active[kept]] | rising[kept])
    return events_of(np.sort(np.concatenate(keys)), int(t_us[0]), SensorSize(height=height, width=width))

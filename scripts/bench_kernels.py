"""Fast twins against their plain ones: median ratio of 7 interleaved pairs in one run, spread, one thread.

Example: python scripts/bench_kernels.py
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from timing import compare, print_machine

from evfi.representation.voxel import voxel_grid, voxel_grid_plain
from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import simulate
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=256, width=448)


def main() -> int:
    """Print one line a comparison."""
    print_machine()
    rng = np.random.default_rng(2026)
    events = _events(rng, 300_000)
    compare(
        "voxel grid, 300 k events, 448x256",
        lambda: voxel_grid(events, bins=5, start_us=0, end_us=100_000),
        lambda: voxel_grid_plain(events, bins=5, start_us=0, end_us=100_000),
    )
    frames = _video(rng, 12)
    times = np.arange(len(frames)) * 2_000
    twins = {
        name: SimulationOptions(preset="esim_py", contrast_pos=0.2, contrast_neg=0.2, backend=name)
        for name in ("numba", "reference")
    }
    compare(
        "ESIM, 12 frames of 448x256, C 0.2",
        lambda: simulate(frames, times, twins["numba"]),
        lambda: simulate(frames, times, twins["reference"]),
    )
    return 0


def _events(rng: np.random.Generator, count: int) -> Events:
    return Events(
        x=rng.integers(0, SIZE.width, count).astype(np.uint16),
        y=rng.integers(0, SIZE.height, count).astype(np.uint16),
        t=np.sort(rng.integers(0, 100_000, count)),
        p=rng.random(count) < 0.5,
        sensor_size=SIZE,
    )


def _video(rng: np.random.Generator, count: int) -> np.ndarray:
    coarse = rng.random((SIZE.height // 16, SIZE.width // 16 + count)) * 200 + 20
    fine = np.kron(coarse, np.ones((16, 16)))
    return np.stack([fine[:, shift * 2 : shift * 2 + SIZE.width] for shift in range(count)]).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())

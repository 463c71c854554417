"""TimeLens' fast paths against the plain fp32 NCHW module of the same weights: ratios of one run, one thread.

Example: python scripts/bench_timelens.py [weights.safetensors]   (without weights: fresh ones, width 8)
"""

import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from timing import compare, print_machine
from torch import Tensor, nn

from evfi.models import build
from evfi.models.registry import family_named
from evfi.models.weights import load_model
from evfi.nn.precision import autocast
from evfi.representation.voxel import reversed_voxel_grid, voxel_grid
from evfi.samples.sample import Sample
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=256, width=448)
FAMILY = family_named("timelens")


def main() -> int:
    """Print one line a comparison."""
    print_machine()
    torch.set_num_threads(1)
    sample = _sample(np.random.default_rng(2026), 300_000)
    _networks(sample, Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    compare(
        "sample preparation, 300 k events, 448x256, against eight corners by index_add",
        lambda: _prepared(sample.events),
        lambda: _prepared_plainly(sample.events),
    )
    return 0


def _networks(sample: Sample, weights: Path | None) -> None:
    inputs = FAMILY.collate([FAMILY.prepare(sample)])
    plain, fast = _model(weights), _model(weights).to(memory_format=torch.channels_last)  # pyright: ignore
    device = torch.device("cpu")

    def run(model: nn.Module, precision: str = "fp32") -> Tensor:
        with autocast(device, precision):
            return FAMILY.predict(model, inputs).frame

    reference = run(plain)
    compare("channels_last, fp32", lambda: run(fast), lambda: run(plain))
    print(f"  largest difference {float((run(fast) - reference).abs().max()):.1e} (goal 1e-5)")
    compare("channels_last, bf16", lambda: run(fast, "bf16"), lambda: run(plain))
    error = run(fast, "bf16") - reference
    print(f"  relative L2 {float(error.norm() / reference.norm()):.1e} (goal 5e-3)")


def _model(weights: Path | None) -> nn.Module:
    if weights is not None:
        return load_model(weights).model
    torch.manual_seed(0)
    return build("timelens", base_width=8).eval().requires_grad_(False)


def _prepared(events: Events) -> tuple[np.ndarray, ...]:
    forwards = voxel_grid(events, bins=5, start_us=0, end_us=50_000)
    after = voxel_grid(events, bins=5, start_us=50_000, end_us=100_000)
    return forwards, reversed_voxel_grid(forwards), after


def _prepared_plainly(events: Events) -> tuple[Tensor, ...]:
    early, late = events.window(0, 50_000), events.window(50_000, 100_000)
    # mirrored on the continuous axis, polarity flipped
    backwards = Events(early.x, early.y, 50_000 - early.t, ~early.p, early.sensor_size)
    windows = ((early, 0, 50_000), (backwards, 0, 50_000), (late, 50_000, 100_000))
    return tuple(_eight_corners(*window) for window in windows)


def _eight_corners(events: Events, start_us: int, end_us: int) -> Tensor:
    """The usual torch version: each event goes to two neighbours along x, y and time."""
    bins, height, width = 5, SIZE.height, SIZE.width
    x, y = (torch.from_numpy(column.astype(np.float32)) for column in (events.x, events.y))
    t = torch.from_numpy((events.t - start_us) * (bins - 1) / (end_us - start_us)).float()
    value = torch.from_numpy(np.where(events.p, 1.0, -1.0)).float()
    grid = torch.zeros(bins * height * width)
    for column in (x.floor(), x.floor() + 1):
        for row in (y.floor(), y.floor() + 1):
            for slot in (t.floor(), t.floor() + 1):
                weight = (1 - (x - column).abs()) * (1 - (y - row).abs()) * (1 - (t - slot).abs()) * value
                there = (column < width) & (row < height) & (slot < bins)
                place = ((slot * height + row) * width + column)[there].long()
                grid.index_add_(0, place, weight[there])
    return grid.view(bins, height, width)


def _sample(rng: np.random.Generator, count: int) -> Sample:
    events = Events(
        x=rng.integers(0, SIZE.width, count).astype(np.uint16),
        y=rng.integers(0, SIZE.height, count).astype(np.uint16),
        t=np.sort(rng.integers(0, 100_000, count)),
        p=rng.random(count) < 0.5,
        sensor_size=SIZE,
    )
    frame0, frame1 = rng.integers(0, 256, (2, SIZE.height, SIZE.width, 3), dtype=np.uint8)
    return Sample("bench", "bench", frame0, frame1, None, events, 0, 100_000, 50_000)


if __name__ == "__main__":
    sys.exit(main())

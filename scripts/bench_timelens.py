"""TimeLens' fast paths against the plain fp32 NCHW module of the same weights: ratios of CPU time, one run, one thread.

Example: python scripts/bench_timelens.py results --part networks   (results: the folder of a finished `make demo`)
Without a folder fresh weights of width 8 run, and what needs the demo's weights and samples is left out.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from collections.abc import Sequence
from time import process_time

import numpy as np
import torch
from timing import compare, print_machine
from torch import Tensor, nn

from evfi.evaluation.metrics import psnr_float
from evfi.evaluation.protocols import SETTING
from evfi.evaluation.rows import RowsToMeasure
from evfi.inference.predictor import load_predictor
from evfi.models import build
from evfi.models.registry import family_named
from evfi.models.weights import load_model
from evfi.nn.precision import autocast, precision_note
from evfi.representation.voxel import voxel_grids_around
from evfi.samples.reader import SampleReader
from evfi.samples.sample import Sample
from evfi.training.loop import train_stage
from evfi.training.options import Runtime
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=256, width=448)
FAMILY = family_named("timelens")
PARTS = ("networks", "preparation", "tables", "waiting")
WEIGHTS = Path("timelens/attention/weights.safetensors")
TARGETS_A_TABLE = 12
STEPS, WORKERS, START_UP = 120, 2, 20


def main() -> int:
    """Print one line a comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--part", choices=PARTS, action="append", help="repeatable; default: all")
    given = parser.parse_args()
    print_machine()
    print(precision_note("bf16", torch.device("cpu")) or "bf16 instructions: there")
    torch.set_num_threads(1)
    parts, results = given.part or PARTS, given.results
    if "networks" in parts:
        _networks(None if results is None else results / WEIGHTS)
    if "preparation" in parts:
        events = _sample(np.random.default_rng(2026), 300_000).events
        compare(
            "sample preparation, 300 k events, 448x256, against eight corners by index_add",
            lambda: _prepared(events),
            lambda: _prepared_plainly(events),
            process_time,
        )
    if results is None:
        print("tables and waiting: not measured, name the folder of a finished demo")
        return 0
    if "tables" in parts:
        _tables(results)
    if "waiting" in parts:
        _waiting(results)
    return 0


def _tables(results: Path) -> None:
    """What channels_last and bf16 change on some of the demo's targets."""
    reader = SampleReader(results / "samples/test.parquet")
    plain, fast = _model(results / WEIGHTS), _model(results / WEIGHTS).to(memory_format=torch.channels_last)  # pyright: ignore
    predictors = [load_predictor(results / WEIGHTS, threads=1, precision=precision) for precision in ("fp32", "bf16")]
    rows = RowsToMeasure(reader.index)
    for key, part in rows.outline().groupby(SETTING, observed=True):
        places = np.linspace(0, len(part) - 1, TARGETS_A_TABLE).round().astype(int)
        samples = [reader.read(row) for row in rows.some(part.index[places])]
        exact, rough = (np.stack([one.frame for one in predictor.predict(samples)]) for predictor in predictors)
        inputs = FAMILY.collate([FAMILY.prepare(sample) for sample in samples])
        apart = FAMILY.predict(fast, inputs).frame - FAMILY.predict(plain, inputs).frame
        psnrs = [_psnr(frames, samples) for frames in (exact, rough)]
        print(
            f"{' '.join(map(str, key))}, {len(samples)} targets: channels_last differs by at most "
            f"{float(apart.abs().max()):.1e} (goal 1e-5); bf16: PSNR "
            f"{psnrs[1] - psnrs[0]:+.3f} dB on {psnrs[0]:.2f} (goal 0.05), relative L2 "
            f"{np.linalg.norm(rough - exact) / np.linalg.norm(exact):.1e} (goal 5e-3)",
            flush=True,
        )


def _psnr(frames: np.ndarray, samples: Sequence[Sample]) -> float:
    targets = [sample.target for sample in samples if sample.target is not None]
    return float(np.mean([psnr_float(frame, target) for frame, target in zip(frames, targets, strict=True)]))


def _waiting(results: Path) -> None:
    """The share of its time that a training step of the demo's first stage waits for samples."""
    stage = FAMILY.stage("synthesis")
    given = json.loads((results / "timelens/synthesis/run.json").read_text())
    recipe = stage.recipe.overridden({**given["recipe"], "steps": STEPS, "validation_samples": 0})
    with tempfile.TemporaryDirectory() as folder:
        train_stage(
            FAMILY,
            stage,
            index=results / "samples/train.parquet",
            starts={},
            model_options=FAMILY.options(**given["model"]),
            recipe=recipe,
            runtime=Runtime(workers=WORKERS, checkpoint_seconds=3600),
            state_dir=Path(folder, "state"),
            out=Path(folder, "out"),
            fingerprint="bench",
        )
        journal = [json.loads(line) for line in Path(folder, "out", "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in journal if line["kind"] == "train" and line["step"] > START_UP]
    waited, worked = (sum(line[name] for line in lines) for name in ("data_s", "step_s"))
    step_ms = worked / (STEPS - START_UP) * 1e3
    print(
        f"training step, synthesis, width {given['model']['base_width']}, {recipe.precision}, {WORKERS} workers: "
        f"waits {waited / (waited + worked):.1%} of its time (goal 10 %); {step_ms:.1f} ms a step"
    )


def _networks(weights: Path | None) -> None:
    sample = _sample(np.random.default_rng(2026), 300_000)
    inputs = FAMILY.collate([FAMILY.prepare(sample)])
    plain, fast = _model(weights), _model(weights).to(memory_format=torch.channels_last)  # pyright: ignore
    device = torch.device("cpu")

    def run(model: nn.Module, precision: str = "fp32") -> Tensor:
        with autocast(device, precision):
            return FAMILY.predict(model, inputs).frame

    reference = run(plain)
    print(f"networks of {sum(each.numel() for each in plain.parameters()):,} parameters, {SIZE}")
    compare("channels_last, fp32", lambda: run(fast), lambda: run(plain), process_time)
    print(f"  largest difference {float((run(fast) - reference).abs().max()):.1e} (goal 1e-5)")
    compare("channels_last, bf16", lambda: run(fast, "bf16"), lambda: run(plain), process_time)
    error = run(fast, "bf16") - reference
    print(f"  relative L2 {float(error.norm() / reference.norm()):.1e} (goal 5e-3)")


def _model(weights: Path | None) -> nn.Module:
    if weights is not None:
        return load_model(weights).model
    torch.manual_seed(0)
    return build("timelens", base_width=8).eval().requires_grad_(False)


def _prepared(events: Events) -> tuple[np.ndarray, ...]:
    return voxel_grids_around(events, bins=5, start_us=0, at_us=50_000, end_us=100_000)


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

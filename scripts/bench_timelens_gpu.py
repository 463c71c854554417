"""TimeLens on a GPU: ms per inserted frame and training steps/s, by size, width, and fp32, bf16 or compiled bf16.

Example: python scripts/bench_timelens_gpu.py
The script itself is tried out without a GPU by: --device cpu --sizes 64x48 --widths 4 --crop 32
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from timing import PAIRS, print_machine
from torch import nn

from evfi.models import build
from evfi.models.registry import family_named
from evfi.models.timelens.inputs import BINS, Inputs
from evfi.nn.precision import autocast

FAMILY = family_named("timelens")
MODES = ("fp32", "bf16", "bf16, compiled")
WARM_UP = 3


def main() -> int:
    """Print one row a setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", default="346x260,448x256,1280x720")
    parser.add_argument("--widths", default="8,16,32")
    parser.add_argument("--crop", type=int, default=256, help="side of a training crop; batches of 4, as in the paper")
    parser.add_argument("--modes", default=";".join(MODES))
    given = parser.parse_args()
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print(
            "TimeLens on a GPU: not measured, no CUDA device; python scripts/bench_timelens_gpu.py where there is one"
        )
        return 0
    print_machine()
    torch.set_num_threads(1)
    device = torch.device(given.device)
    if device.type == "cuda":
        print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    for width in map(int, given.widths.split(",")):
        for mode in given.modes.split(";"):
            for size in given.sizes.split(","):
                columns, rows = map(int, size.split("x"))
                _row(f"width {width}, {mode}, {size}: ms a frame", _prediction(width, mode, rows, columns, device), 1e3)
            for stage in FAMILY.stages_of():
                step = _training(stage.name, width, mode, given.crop, device)
                _row(f"width {width}, {mode}, {stage.name}, crop {given.crop}, batch 4: steps/s", step, None)
    return 0


def _row(label: str, work: Callable[[], object], scale: float | None) -> None:
    """Print a figure: scale times the seconds of a call, or calls a second where scale is None."""
    try:
        seconds = _median(work)
    except torch.OutOfMemoryError:
        print(f"{label}: out of memory", flush=True)
        return
    print(f"{label}: {1 / seconds if scale is None else seconds * scale:.2f}", flush=True)


def _median(work: Callable[[], object]) -> float:
    times = []
    for number in range(WARM_UP + PAIRS):
        _wait()
        start = time.perf_counter()
        work()
        _wait()
        if number >= WARM_UP:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _model(width: int, device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    model = build("timelens", base_width=width).to(device)
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _inputs(count: int, rows: int, columns: int, device: torch.device) -> Inputs:
    def image(channels: int) -> torch.Tensor:
        return torch.rand(count, channels, rows, columns, device=device)

    tau = torch.full((count,), 0.5, device=device)
    return Inputs(image(3), image(3), image(BINS), image(BINS), image(BINS), tau, image(3))


def _prediction(width: int, mode: str, rows: int, columns: int, device: torch.device) -> Callable[[], object]:
    model = _model(width, device).eval()
    predict = torch.compile(FAMILY.predict) if mode.endswith("compiled") else FAMILY.predict
    inputs = _inputs(1, rows, columns, device)

    def work() -> object:
        with autocast(device, mode.split(",")[0]):
            return predict(model, inputs).frame

    return work


def _training(name: str, width: int, mode: str, crop: int, device: torch.device) -> Callable[[], object]:
    stage = FAMILY.stage(name)
    model = _model(width, device).requires_grad_(False)
    for module in stage.trains:
        model.get_submodule(module).requires_grad_(True)
    objective = FAMILY.objective(stage, model, stage.recipe).to(device)
    loss_of = torch.compile(objective) if mode.endswith("compiled") else objective
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], lr=1e-4, fused=True)
    inputs = _inputs(4, crop, crop, device)

    def work() -> object:
        with autocast(device, mode.split(",")[0]):
            total = loss_of(inputs).total
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        return optimizer.step()

    return work


if __name__ == "__main__":
    sys.exit(main())

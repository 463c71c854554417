"""WEVI's attention against the unfold formulation at 176x240, batch 8, width 32: time ratio and peak memory.

Medians of three interleaved pairs in one run (the unfolded one takes seconds), one thread; memory is the peak of a
process of its own, less that of one that only makes the inputs. Example: python scripts/bench_attention.py
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch import Tensor

from evfi.models.wevi.attention import taps, transferred
from evfi.models.wevi.attention_plain import transferred_plain

PAIRS = 3
BATCH, HEIGHT, WIDTH, BASE = 8, 176, 240, 32
KIB_PER_MIB = 1024
FORMULATIONS = ("nothing", "gathered", "unfolded")


def main() -> int:
    """Print time and memory, for prediction and for a training step."""
    if len(sys.argv) > 1:
        formulation, trains = sys.argv[1], sys.argv[2] == "training"
        values, flow = inputs(trains)
        if formulation != "nothing":
            run(formulation, values, flow, trains)
        print(own_peak_kib() / KIB_PER_MIB)
        return 0
    torch.set_num_threads(1)
    for trains in (False, True):
        what = "training" if trains else "prediction"
        nothing, gathered, unfolded = (peak_mib(name, what) for name in FORMULATIONS)
        values, flow = inputs(trains)
        times = [[seconds(name, values, flow, trains) for name in FORMULATIONS[1:]] for _ in range(PAIRS)]
        ratios = sorted(slow / fast for fast, slow in times)
        fast, slow = (statistics.median(column) for column in zip(*times, strict=True))
        print(
            f"attention's transfer, {what}, {WIDTH}x{HEIGHT}, batch {BATCH}: {statistics.median(ratios):.1f}x (spread "
            f"{ratios[0]:.1f} to {ratios[-1]:.1f}); {fast * 1e3:.0f} ms against {slow * 1e3:.0f} ms; peak memory "
            f"{gathered - nothing:.0f} MiB against {unfolded - nothing:.0f} MiB",
            flush=True,
        )
    return 0


def inputs(trains: bool) -> tuple[dict[int, Tensor], Tensor]:
    """Features of the reference by pixels a cell, and a flow of up to eight cells."""
    generator = torch.Generator().manual_seed(0)

    def features(scale: int) -> Tensor:
        shape = (BATCH, 4 * BASE // scale, HEIGHT // 4 * scale, WIDTH // 4 * scale)
        return torch.randn(shape, generator=generator).requires_grad_(trains)

    flow = (torch.rand(BATCH, 2, HEIGHT // 4, WIDTH // 4, generator=generator) * 16 - 8).requires_grad_(trains)
    return {scale: features(scale) for scale in (1, 2, 4)}, flow


def run(formulation: str, values: dict[int, Tensor], flow: Tensor, trains: bool) -> None:
    """All three levels, with their gradients where it trains."""
    with torch.set_grad_enabled(trains):
        if formulation == "gathered":
            chosen = taps(flow, "counted")
            moved = [transferred(value, chosen, scale) for scale, value in values.items()]
        else:
            moved = [transferred_plain(value, flow, scale, "counted") for scale, value in values.items()]
        if trains:
            torch.stack([one.square().mean() for one in moved]).sum().backward()


def seconds(formulation: str, values: dict[int, Tensor], flow: Tensor, trains: bool) -> float:
    """Of one run."""
    start = time.perf_counter()
    run(formulation, values, flow, trains)
    return time.perf_counter() - start


def own_peak_kib() -> int:
    """Peak resident memory of this process (Linux). Not of getrusage, which begins with that of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def peak_mib(formulation: str, what: str) -> float:
    """Peak resident memory of a process that runs the formulation once."""
    done = subprocess.run([sys.executable, __file__, formulation, what], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())

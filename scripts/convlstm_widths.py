"""Put the table of ConvLSTM's widths, parameters and cost, into its README (no figure there is written by hand).

Multiply-accumulates are those of the convolutions of one prediction, counted while it runs. Times are the
least of 5 runs, CPU time of one thread, fp32; the step is forward, loss and backward.

Example: python scripts/convlstm_widths.py
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from bench_convlstm import BATCH, CROP, network, seconds, step_of
from timing import processor
from torch.utils.flop_counter import FlopCounterMode

from evfi.models.convlstm.manifest import ConvLSTMOptions
from evfi.models.convlstm.network import ConvLSTMInterpolation

README = Path(__file__).resolve().parent.parent / "evfi/models/convlstm/README.md"
START, END = "<!-- widths -->", "<!-- /widths -->"
WIDTHS = {
    "8, doubled (the demo's)": {"base_channels": 8},
    "16, doubled": {"base_channels": 16},
    "32, doubled (the default)": {"base_channels": 32},
    "9, tripled, reference_exact": {"base_channels": 9, "growth": 3, "reference_exact": True},
}
RUNS = 5
GIGA = 10**9


def main() -> int:
    """Measure, and write the table in place of the one that is there."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    head, rest = README.read_text().split(START, 1)
    tail = rest.split(END, 1)[1]
    README.write_text(f"{head}{START}\n{table()}\n{END}{tail}")
    return 0


def table() -> str:
    """The table as Markdown, and the machine."""
    lines = [
        f"| width | parameters | multiply-accumulates, 448x256 | training step, {BATCH} crops of {CROP}x{CROP} "
        "| a frame of 240x180 |",
        "|---|---|---|---|---|",
    ]
    for name, changes in WIDTHS.items():
        model = network(ConvLSTMOptions.model_validate(changes))
        count = sum(parameter.numel() for parameter in model.parameters())
        step = least(step_of(model, "fp32"))
        model.eval()
        frames = torch.rand(1, 4, 3, 180, 240)
        with torch.inference_mode():
            frame = least(partial(model, frames))
            total = multiply_accumulates(model)
        lines.append(f"| {name} | {count:,} | {total / GIGA:.1f} G | {step * 1e3:.0f} ms | {frame * 1e3:.0f} ms |")
        print(lines[-1], flush=True)
    machine = f"`scripts/convlstm_widths.py`, {time.strftime('%Y-%m-%d')}, {processor()}, one thread, fp32"
    return "\n".join([*lines, "", f"{machine}, torch {torch.__version__}."])


def multiply_accumulates(model: ConvLSTMInterpolation) -> int:
    """Of the convolutions of one prediction at 448x256."""
    with FlopCounterMode(display=False) as counted:
        model(torch.zeros(1, 4, 3, 256, 448))
    return counted.get_total_flops() // 2


def least(work: Callable[[], object]) -> float:
    """CPU seconds of the quickest of some runs."""
    return min(seconds(work) for _ in range(RUNS))


if __name__ == "__main__":
    sys.exit(main())

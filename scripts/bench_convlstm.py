"""ConvLSTM: gates of the input computed at once against step by step, with the same weights.

Ratios are medians of 7 interleaved pairs in one run, with their spread, of the CPU time of one thread. Memory is what
one call holds at its highest beyond what was there before, as torch's profiler counts its tensors.

Example: python scripts/bench_convlstm.py
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from evfi.models.convlstm.inputs import Inputs
from evfi.models.convlstm.manifest import CONVLSTM, ConvLSTMOptions
from evfi.models.convlstm.network import ConvLSTMInterpolation
from evfi.models.convlstm.objective import objective
from evfi.models.convlstm.recurrent import ConvLSTM, in_time_order, plain_states

PAIRS = 7
BATCH, CROP = 8, 64
MEBIBYTE = 1 << 20


def main() -> int:
    """Print one line a comparison."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"one thread, batch {BATCH}, {CROP}x{CROP}, torch {torch.__version__}")
    for precision in ("fp32", "bf16"):
        for base in (8, 32):
            compare_layers(base, precision)
            compare_step(base, precision)
    return 0


def compare_layers(base: int, precision: str) -> None:
    """The four ConvLSTM layers of a network, forward and backward, each on an input of its own."""
    model = network(ConvLSTMOptions(base_channels=base))
    layers = recurrent_layers(model)
    # As the network holds them: 4 steps of each sample, folded, channels last.
    folds = [
        torch.randn(4 * BATCH, layer.in_channels, CROP >> level, CROP >> level)
        .to(memory_format=torch.channels_last)
        .requires_grad_()
        for level, layer in enumerate(layers)
    ]
    by_sample = [fold.unflatten(0, (BATCH, 4)) for fold in folds]
    by_time = [in_time_order(fold, 4) for fold in folds]

    wanted = [*folds, *(parameter for layer in layers for parameter in layer.parameters())]

    def run(states: Callable[[ConvLSTM, torch.Tensor], torch.Tensor], inputs: list[torch.Tensor]) -> None:
        with autocast(precision):
            found = [states(layer, x) for layer, x in zip(layers, inputs, strict=True)]
        torch.autograd.grad(found, wanted, [torch.ones_like(hidden) for hidden in found])

    compare(
        f"ConvLSTM layers, base {base}, {precision}",
        lambda: run(ConvLSTM.forward, by_time),
        lambda: run(plain_states, by_sample),
    )


def compare_step(base: int, precision: str) -> None:
    """A whole training step without the optimizer: forward, loss, backward."""
    fast = network(ConvLSTMOptions(base_channels=base))
    plain = network(ConvLSTMOptions(base_channels=base))
    plain.load_state_dict(fast.state_dict())
    for layer in recurrent_layers(plain):
        layer.forward = partial(plain_states, layer)
    compare(f"training step, base {base}, {precision}", step_of(fast, precision), step_of(plain, precision))


def network(options: ConvLSTMOptions) -> ConvLSTMInterpolation:
    return ConvLSTMInterpolation(options).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def recurrent_layers(model: nn.Module) -> list[ConvLSTM]:
    return [module for module in model.modules() if isinstance(module, ConvLSTM)]


def step_of(model: ConvLSTMInterpolation, precision: str) -> Callable[[], None]:
    loss_of = objective(CONVLSTM.last_stage, model, CONVLSTM.last_stage.recipe)
    batch = Inputs(torch.rand(BATCH, 4, 3, CROP, CROP) * 2 - 1, torch.rand(BATCH, 3, CROP, CROP))

    def run() -> None:
        model.zero_grad(set_to_none=True)
        with autocast(precision):
            total = loss_of(batch).total
        total.backward()

    return run


def autocast(precision: str) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")


def compare(label: str, fast: Callable[[], None], plain: Callable[[], None]) -> None:
    """Time both by turns; print ratio, medians and peak memory."""
    fast()
    plain()
    pairs = [(seconds(fast), seconds(plain)) for _ in range(PAIRS)]
    ratios = sorted(slow / quick for quick, slow in pairs)
    quick, slow = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"{label}: {statistics.median(ratios):.2f}x (spread {ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"{quick * 1e3:.0f} ms against {slow * 1e3:.0f} ms; "
        f"{peak_bytes(fast) / MEBIBYTE:.1f} MiB against {peak_bytes(plain) / MEBIBYTE:.1f} MiB",
        flush=True,
    )


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that torch's tensors took at once during `work`, beyond those that were there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    held = highest = 0
    for event in sorted(memory_events(recorded), key=lambda event: event.start_ns()):
        held += event.nbytes()
        highest = max(highest, held)
    return highest


def memory_events(recorded: profile) -> list:
    events = recorded.profiler.kineto_results.events()  # pyright: ignore[reportOptionalMemberAccess]
    return [event for event in events if event.name() == "[memory]"]


if __name__ == "__main__":
    sys.exit(main())

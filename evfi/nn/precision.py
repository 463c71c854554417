"""Where bfloat16 is real, and how many threads an operation has."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

EMULATED = "bf16 is emulated on this CPU"
_CPU_INFO = Path("/proc/cpuinfo")
_NATIVE_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def precision_note(precision: str, device: torch.device, cpu_info: Path = _CPU_INFO) -> str | None:
    """A sentence for log and run.json where bf16 is asked for and the hardware only emulates it; else None."""
    if precision != "bf16":
        return None
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return None if native else "bf16 is emulated on this GPU"
    return None if _NATIVE_FLAGS & _cpu_flags(cpu_info) else EMULATED


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a forward pass runs: bfloat16 where the recipe says so, else as the weights are."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@contextmanager
def intra_op_threads(count: int) -> Iterator[None]:
    """Exactly that number of threads in each torch operation, whatever was set before; restored afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _cpu_flags(cpu_info: Path) -> set[str]:
    """Words of the first `flags` (x86) or `Features` (ARM) line; empty where there is no such file."""
    if not cpu_info.is_file():
        return set()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", cpu_info.read_text(), re.MULTILINE)
    return set(found[1].split()) if found else set()

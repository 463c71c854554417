"""The device that was asked for, or an error: never another one in its place."""

import torch

from evfi.errors import UserError


def device_named(name: str) -> torch.device:
    """The device "cpu", "cuda" or "cuda:N".

    Raises:
        UserError: torch does not know it, or it is not there.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UserError(f"the device is cpu, cuda or cuda:N, got {name!r}")
    count = torch.cuda.device_count() if device.type == "cuda" else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UserError(f"the device {name} is not there ({count} CUDA devices found): use the device cpu")
    return device

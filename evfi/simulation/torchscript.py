"""Frames between frames by a learned interpolator of the user's own: a TorchScript file.

The file holds a module that is called as `module(frame0, frame1, tau)` and gives the frame at tau: frames are float32
(1, 1, H, W), gray, in [0, 1], of any height and width (a network that wants colour or multiples of 32 repeats and pads
inside); tau is float32 (1,), in (0, 1). It runs on the CPU. Loading such a file runs code from it: use files you trust.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.provenance import digest_file
from evfi.simulation.options import UPSAMPLERS, SimulationOptions

log = logging.getLogger(__name__)

_WHITE = 255


class TorchScriptInterpolator:
    """The module in a file. Opened files are kept, so that every clip of a shard finds its own at hand.

    Raises:
        MissingInputError, InputFileError: there is no such file, or no TorchScript in it.
    """

    def __init__(self, path: Path) -> None:
        _check_exists(path)
        self.path = path
        self._module = _opened(path, path.stat().st_mtime_ns)

    def __call__(self, before: NDArray, after: NDArray, taus: Sequence[float]) -> NDArray[np.float32]:
        """Frames float32 (len(taus), H, W) in [0, 255] between two gray frames (H, W), uint8 or float in [0, 255].

        What the module gives outside [0, 1] is clamped.

        Raises:
            UserError: the module fails, or gives no frame of that size, or NaN.
        """
        tensors = [torch.from_numpy(np.array(frame, np.float32) / _WHITE)[None, None] for frame in (before, after)]
        found = np.empty((len(taus), *before.shape), np.float32)
        for k, tau in enumerate(taus):
            found[k] = self._frame(tensors, tau).clamp(0, 1).numpy() * _WHITE
        return found

    def _frame(self, frames: list[torch.Tensor], tau: float) -> torch.Tensor:
        expected = tuple(frames[0].shape)
        try:
            with torch.inference_mode():
                frame = self._module(*frames, torch.tensor([tau], dtype=torch.float32))
        except (RuntimeError, TypeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(
                f"{self.path} failed on two frames {expected} and a tau of shape (1,): {reason}; it is called as "
                "module(frame0, frame1, tau)"
            ) from error
        if not isinstance(frame, torch.Tensor) or tuple(frame.shape) != expected:
            got = tuple(frame.shape) if isinstance(frame, torch.Tensor) else type(frame).__name__
            raise UserError(f"{self.path} must give a frame of shape {expected}, as it was given, got {got}")
        if not torch.isfinite(frame).all():
            raise UserError(f"{self.path} gave NaN or infinite values at tau {tau:g}: expected a frame in [0, 1]")
        return frame[0, 0].float()


def upsampler_digest(options: SimulationOptions) -> str | None:
    """SHA-256 of the TorchScript file that the options name; None where the upsampler is one of evfi's.

    Raises:
        MissingInputError: there is no such file.
    """
    if options.upsample in UPSAMPLERS:
        return None
    path = Path(options.upsample)
    _check_exists(path)
    return digest_file(path)


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise MissingInputError(f"no TorchScript file {path}: upsample takes {', '.join(UPSAMPLERS)}, or such a file")


@lru_cache(maxsize=1)
def _opened(path: Path, _changed_ns: int) -> torch.jit.ScriptModule:
    log.warning("%s is a TorchScript file: upsampling runs code from it", path)
    try:
        return torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputFileError(f"{path} cannot be read as TorchScript ({reason}): save one by torch.jit.save") from error

"""Frames between frames, so many that nothing moves further than about a pixel from one to the next.

They live in memory only and are never a ground truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.flow.dis import DisFlow
from evfi.flow.interpolate import interpolate_pair
from evfi.flow.provider import FlowProvider
from evfi.simulation.options import UPSAMPLERS, SimulationOptions


@dataclass(frozen=True, eq=False, slots=True)
class Interval:
    """Two frames with everything between them.

    gray: (n + 1, H, W) uint8 or float in [0, 255]; the first and last are the given frames. t_us: (n + 1,) int64.
    wanted: the n that motion asked for; n is smaller where `max_subframes` (or an interval of few microseconds) was
    the bound.
    """

    gray: NDArray
    t_us: NDArray[np.int64]
    wanted: int

    @property
    def subframes(self) -> int:
        """Steps from the first frame to the last."""
        return len(self.t_us) - 1

    @property
    def bounded(self) -> bool:
        """Whether motion asked for more steps than there are."""
        return self.wanted > self.subframes


class Upsampler:
    """Fills the interval between two frames.

    method: `dis` moves the frames along the flow, `linear` only blends them; any other is the path of a TorchScript
    file. max_subframes: most steps an interval is cut into. flow: where motion comes from, for the number of steps with
    every method (default: DIS).

    Raises:
        MissingInputError, InputFileError: there is no such TorchScript file, or it cannot be read.
    """

    def __init__(self, method: str, max_subframes: int, flow: FlowProvider | None = None) -> None:
        self.method = method
        self.max_subframes = max_subframes
        self._flow = flow or DisFlow()
        self._learned = None if method in ("dis", "linear") else _learned(Path(method))

    def between(self, before: NDArray, after: NDArray, start_us: int, end_us: int) -> Interval:
        """The interval between two gray frames (H, W), uint8 or float in [0, 255]; its frames are float32.

        The number of steps is the largest flow in pixels, of both directions, rounded up.
        """
        coarse0, coarse1 = _as_uint8(before), _as_uint8(after)
        flow01, flow10 = self._flow(coarse0, coarse1), self._flow(coarse1, coarse0)
        wanted = max(1, int(np.ceil(max(_largest(flow01), _largest(flow10)))))
        steps = min(wanted, self.max_subframes, end_us - start_us)
        t_us = start_us + np.arange(steps + 1, dtype=np.int64) * (end_us - start_us) // steps
        taus = (t_us[1:-1] - start_us) / (end_us - start_us)
        gray = np.empty((steps + 1, *before.shape), np.float32)
        gray[0], gray[-1] = before, after
        if self.method == "linear":
            weight = taus.astype(np.float32)[:, None, None]
            gray[1:-1] = (1 - weight) * gray[0] + weight * gray[-1]
        elif self._learned is not None:
            gray[1:-1] = self._learned(before, after, taus.tolist())
        elif steps > 1:
            interpolate_pair(before, after, flow01, flow10, taus.tolist(), hedge=0.0, out=gray[1:-1])
        return Interval(gray, t_us, wanted)


def recorded_options(options: SimulationOptions) -> dict[str, Any]:
    """The options for a receipt; of an upsampler file its digest too, for the path does not say what is in it."""
    recorded = options.model_dump(mode="json")
    if options.upsample not in UPSAMPLERS:
        from evfi.simulation.torchscript import upsampler_digest  # loads torch

        recorded["upsample_sha256"] = upsampler_digest(options)
    return recorded


def _learned(path: Path) -> Callable[[NDArray, NDArray, Sequence[float]], NDArray[np.float32]]:
    from evfi.simulation.torchscript import TorchScriptInterpolator  # the others need no torch, which loads slowly

    return TorchScriptInterpolator(path)


def _largest(flow: NDArray[np.float32]) -> float:
    return float(np.sqrt((flow[..., 0] ** 2 + flow[..., 1] ** 2).max()))


def _as_uint8(gray: NDArray) -> NDArray[np.uint8]:
    return gray if gray.dtype == np.uint8 else np.rint(gray).astype(np.uint8)

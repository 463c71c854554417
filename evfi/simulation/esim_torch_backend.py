"""The backend `esim_torch`: the public package of rpg_vid2e, used where it is installed and named.

Its interface, as far as it is used: `esim_torch.ESIM(contrast_threshold_neg, contrast_threshold_pos,
refractory_period_ns)`; `.forward(log_images, timestamps)` with float32 (T, H, W) on a CUDA device and int64 nanoseconds
(T,) gives None or tensors x, y, t, p (+1, -1) sorted by t; levels are kept until `.reset()`; events with t <= 0 are
dropped. Logarithms and levels are float32 there, so its events are near those of our law esim_torch, not equal.
"""

import importlib

import numpy as np
import torch
from numpy.typing import NDArray

from evfi.errors import MissingInputError, UserError
from evfi.simulation.event_keys import in_canonical_order
from evfi.simulation.intensity import LogTable
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.types import Events
from evfi.units import NS_PER_US

_FIRST_US = 1
"""Time of the first frame in the package's clock: later than 0, or its first events would be dropped."""


class EsimTorchBackend:
    """A backend (`backends.Backend`) that keeps one ESIM of the package, so it serves one simulator."""

    def __init__(self, device: str) -> None:
        try:
            self._package = importlib.import_module("esim_torch")
        except ImportError:
            raise MissingInputError(
                "backend esim_torch needs the package esim_torch (of rpg_vid2e), which is not installed: install it, "
                "or choose backend numba with preset esim_torch"
            ) from None
        self._device = device
        self._esim = None

    def __call__(
        self, model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable
    ) -> Events:
        """Events of the intervals between n + 1 frames, in canonical order. Thresholds are one number per clip."""
        if self._esim is None:
            self._esim = self._package.ESIM(
                float(model.contrast_neg.flat[0]),
                float(model.contrast_pos.flat[0]),
                round(model.refractory_us * NS_PER_US),
            )
        clock_ns = (t_us - state.origin_us + _FIRST_US) * NS_PER_US
        try:
            log = torch.tensor(table.values.astype(np.float32)[indices], device=self._device)
            found = self._esim.forward(log, torch.tensor(clock_ns, device=self._device))
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"the package esim_torch failed on device {self._device!r} ({reason}): it needs a CUDA device, give "
                "device cuda"
            ) from None
        state.interval += len(t_us) - 1
        if found is None:
            return Events.empty(model.sensor_size)
        x, y, t_ns, p = (found[name].cpu().numpy() for name in ("x", "y", "t", "p"))
        t = t_ns // NS_PER_US - _FIRST_US + state.origin_us
        # what happens at a frame belongs to the interval before it
        t -= np.isin(t_ns, clock_ns[1:])
        return in_canonical_order(
            Events(x.astype(np.uint16), y.astype(np.uint16), t.astype(np.int64), p > 0, model.sensor_size)
        )

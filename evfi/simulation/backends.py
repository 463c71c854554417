"""The backends by name. One is a function of (model, state, indices, t_us, table) that gives events."""

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evfi.simulation import numba_backend, reference
from evfi.simulation.intensity import LogTable
from evfi.simulation.options import SimulationOptions
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.types import Events

log = logging.getLogger(__name__)

Backend = Callable[[PixelModel, PixelState, NDArray, NDArray[np.int64], LogTable], Events]
"""Events of the intervals between n + 1 frames; what `reference.advance` says of its arguments holds for all."""


def resolved(options: SimulationOptions) -> SimulationOptions:
    """Options whose backend is a name of its own; says in one line what `auto` became."""
    if options.backend != "auto":
        return options
    chosen = "numba" if options.device == "cpu" else "torch"
    log.info("backend auto: %s on %s", chosen, options.device)
    return options.replaced(backend=chosen)


def backend_for(options: SimulationOptions) -> Backend:
    """The backend that resolved options name, for one simulator alone (it may keep state).

    Raises:
        UserError: the device or package that it needs is absent.
    """
    if options.backend == "torch":
        from evfi.simulation.torch_backend import TorchBackend

        return TorchBackend(options.device)
    if options.backend == "esim_torch":
        from evfi.simulation.esim_torch_backend import EsimTorchBackend

        return EsimTorchBackend(options.device)
    return {"numba": numba_backend.advance, "reference": reference.advance}[options.backend]

"""Event-based video frame interpolation, from raw files to measured results.

    recording = evfi.open("my.zarr")
    events = recording.events(start_us, end_us)
    grid = evfi.voxel_grid(events, bins=5, start_us=start_us, end_us=end_us)
    frames = evfi.interpolate(recording, t_us, weights="weights.safetensors")
    events = evfi.simulate(frames, t_us)
    model = evfi.models.build("timelens", base_width=8)

Each name is imported on first use, so that `import evfi` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evfi import models
    from evfi.inference.interpolate import interpolate
    from evfi.io.opening import open_path as open
    from evfi.representation.voxel import voxel_grid
    from evfi.simulation.simulate import simulate

__all__ = ["interpolate", "models", "open", "simulate", "voxel_grid"]

_PLACES = {
    "interpolate": ("evfi.inference.interpolate", "interpolate"),
    "open": ("evfi.io.opening", "open_path"),
    "simulate": ("evfi.simulation.simulate", "simulate"),
    "voxel_grid": ("evfi.representation.voxel", "voxel_grid"),
}


def __getattr__(name: str) -> Any:
    if name == "models":
        return import_module("evfi.models")
    if name in _PLACES:
        module, attribute = _PLACES[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'evfi' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

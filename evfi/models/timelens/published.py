"""The authors' checkpoints in our names: a torch file {"networks": state} with the key layout of specs/timelens.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from evfi.errors import InputFileError
from evfi.models.timelens.manifest import TimeLensOptions

NETWORKS = "networks"
# published module → ours; within a module the names are the same
_MODULES = {
    "flow_network": "warp",
    "fusion_network": "synthesis",
    "flow_refinement_network": "refinement",
    "attention_network": "attention",
}
_WIDTH_KEY = "flow_network.conv1.weight"


def imported(content: Any, source: Path) -> tuple[TimeLensOptions, dict[str, Tensor]]:
    """Options and state of our model from what a published file holds. The width is read off a tensor's shape.

    Raises:
        InputFileError: no such layout, or a key of an unknown module.
    """
    state = content.get(NETWORKS) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputFileError(
            f"{source} is no published TimeLens checkpoint: expected a dict of tensors under {NETWORKS!r}"
        )
    if _WIDTH_KEY not in state:
        raise InputFileError(f"{source} is no published TimeLens checkpoint: it lacks {_WIDTH_KEY}")
    return TimeLensOptions(base_width=len(state[_WIDTH_KEY])), {_ours(key, source): state[key] for key in sorted(state)}


def published(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Our state in the published layout: the inverse of `imported`."""
    theirs = {ours: module for module, ours in _MODULES.items()}
    parts = ((key.partition("."), tensor) for key, tensor in state.items())
    return {NETWORKS: {f"{theirs[module]}.{name}": tensor for (module, _, name), tensor in parts}}


def _ours(key: str, source: Path) -> str:
    module, _, name = key.partition(".")
    if module not in _MODULES:
        raise InputFileError(f"{source} has the unexpected {key}: its modules should be {', '.join(_MODULES)}")
    return f"{_MODULES[module]}.{name}"

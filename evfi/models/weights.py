"""Inference weights: safetensors whose single metadata key `evfi` holds canonical JSON. Equal weights, equal bytes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.atomic import writing
from evfi.models.family import Family, ModelOptions
from evfi.models.registry import family_named
from evfi.provenance import canonical_json

SCHEMA = "evfi.weights"
VERSION = 1
# One key: safetensors writes several in random order, and equal weights must give equal bytes.
_METADATA_KEY = "evfi"


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A complete model ready to predict: in evaluation mode, without gradients."""

    family: Family
    options: ModelOptions
    model: nn.Module
    meta: Mapping[str, Any]


def save_weights(path: Path, state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors (by full parameter name) and what is known about them; deterministic bytes.

    Args:
        meta: JSON-compatible, without times or places; schema and version are added.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    text = canonical_json({**meta, "schema": SCHEMA, "version": VERSION})
    with writing(path) as partial:
        save_file(tensors, partial, metadata={_METADATA_KEY: text})


def model_meta(family: Family, stage: str, options: ModelOptions) -> dict[str, Any]:
    """What a weights file must say for `load_model` to rebuild the model."""
    return {"family": family.name, "stage": stage, "model": options.model_dump(mode="json")}


def load_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Metadata and tensors (on the CPU) of a weights file. Nothing in it is executed.

    Raises:
        MissingInputError, InputFileError: the file is absent, damaged, or not written by evfi.
    """
    if not path.is_file():
        raise MissingInputError(f"no weights at {path}: train them (`evfi train`) or name another file")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            text = (file.metadata() or {}).get(_METADATA_KEY)
            state = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (SafetensorError, OSError) as error:
        raise InputFileError(f"{path} is not a whole safetensors file ({error}): copy or train it again") from error
    try:
        meta = json.loads(text) if text is not None else {}
    except json.JSONDecodeError:
        meta = {}
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA or meta.get("version") != VERSION:
        raise InputFileError(
            f"{path} has no evfi description of version {VERSION} in its metadata: it was not written by this evfi"
        )
    return meta, state


def load_model(path: Path, **changes: Any) -> LoadedModel:
    """The complete model of a weights file. `changes` may set inference options (TimeLens: `variant`).

    Raises:
        MissingInputError, InputFileError: the file is absent, damaged, or lacks modules (an early stage's).
        UserError: a change of an option that the weights depend on.
    """
    meta, state = load_weights(path)
    family, options = described(path, meta)
    fixed = sorted(set(changes) - family.inference_options)
    if fixed:
        raise UserError(f"{path}: its weights fix the option {fixed[0]}; train again to change it")
    options = options.replaced(**changes)
    wanted = family.modules_of(family.last_stage.name)
    missing = [module for module in wanted if not any(name.startswith(f"{module}.") for name in state)]
    if missing:
        raise InputFileError(
            f"{path} (stage {meta.get('stage')}) holds no weights of {', '.join(missing)}: "
            f"predicting needs those of the stage {family.last_stage.name}"
        )
    model = family.build(options)
    fill(model, state, path)
    return LoadedModel(family=family, options=options, model=model.eval().requires_grad_(False), meta=meta)


def described(path: Path, meta: Mapping[str, Any]) -> tuple[Family, ModelOptions]:
    """Family and model options that a file's metadata names.

    Raises:
        InputFileError: an unknown family, or options it does not have.
    """
    try:
        family = family_named(str(meta.get("family")))
        return family, family.model_options.model_validate(meta.get("model", {}))
    except (UserError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputFileError(f"{path} describes a model that this evfi does not know ({reason})") from error


def check_same_model(path: Path, meta: Mapping[str, Any], family: Family, options: ModelOptions) -> None:
    """Refuse weights of another family, or of the same with other options (inference options may differ).

    Raises:
        InputFileError: as said, naming the first option that differs.
    """
    found, found_options = described(path, meta)
    if found.name != family.name:
        raise InputFileError(f"{path} holds weights of the family {found.name}, expected {family.name}")
    ours, theirs = options.model_dump(mode="json"), found_options.model_dump(mode="json")
    for name in sorted({*ours, *theirs} - family.inference_options):
        own, other = ours.get(name, "off"), theirs.get(name, "off")
        if own != other:
            raise InputFileError(
                f"{path} was trained with {name} {other}, this run has {name} {own}: "
                "train its stage again, or set the option back"
            )


def fill(model: nn.Module, state: Mapping[str, Tensor], source: Path, modules: Iterable[str] | None = None) -> None:
    """Copy a state into a model, or into some of its submodules: every key used, every parameter filled.

    Raises:
        InputFileError: naming the first missing, the first unexpected and the first wrongly shaped key.
    """
    prefixes = None if modules is None else tuple(f"{module}." for module in modules)
    own = {name: tensor for name, tensor in model.state_dict().items() if prefixes is None or name.startswith(prefixes)}
    missing, unexpected = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    if missing or unexpected:
        parts = [f"lacks {missing[0]}"] if missing else []
        parts += [f"has the unexpected {unexpected[0]}"] if unexpected else []
        raise InputFileError(f"{source} does not fit the model: it {' and '.join(parts)}")
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            raise InputFileError(
                f"{source} does not fit the model: {name} has shape {tuple(state[name].shape)}, "
                f"expected {tuple(tensor.shape)}"
            )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(state[name])

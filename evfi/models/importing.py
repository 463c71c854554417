"""Weights that a family's authors published as an evfi weights file. Only a file that the user names is read."""

import importlib
from pathlib import Path
from typing import Any

from evfi.errors import MissingInputError, UserError
from evfi.models.family import Family, Published
from evfi.models.weights import fill, model_meta, save_weights
from evfi.nn.torch_file import plain_content
from evfi.provenance import digest_file, write_stamp


def published_of(family: Family) -> Published:
    """What a family says of its authors' weights.

    Raises:
        UserError: nothing, so that none can be imported.
    """
    if family.published is None:
        raise UserError(f"no published weights of the family {family.name} can be imported")
    return family.published


def import_weights(family: Family, checkpoint: Path, out: Path) -> dict[str, Any]:
    """Read a published checkpoint (weights_only, onto the CPU) and write it as `out`; returns its metadata.

    Every key is used and every parameter filled.

    Raises:
        MissingInputError, InputFileError: the file is absent, or does not fit; the first key in question is named.
        UserError: the family has no published weights, or `out` does not end in .safetensors.
        OutputError: `out` cannot be written.
    """
    described = published_of(family)
    if out.suffix != ".safetensors":
        raise UserError(f"imported weights are written as .safetensors, got {out}")
    content = _loaded(checkpoint)
    options, state = importlib.import_module(described.module).imported(content, checkpoint)
    model = family.build(options)
    fill(model, state, checkpoint)
    meta = {
        **model_meta(family, family.last_stage.name, options),
        "imported": {"sha256": digest_file(checkpoint), "licence": described.licence},
    }
    save_weights(out, model.state_dict(), meta)
    write_stamp(out)
    return meta


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise MissingInputError(f"no checkpoint at {path}: evfi downloads none, name the file that you have")
    return plain_content(path, "evfi runs no code of a checkpoint; name the file that the authors published")

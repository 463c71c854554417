"""The open weights that come with the package: one file a family in half precision, with its receipt beside it.

`evfi/weights/<family>.safetensors` holds float16 tensors, which loading turns into float32; `<family>.json` says where
they come from and their SHA-256.
"""

import json
from pathlib import Path
from typing import Any

import torch

from evfi.errors import InputFileError, MissingInputError
from evfi.models.family import Family
from evfi.models.weights import load_weights, save_weights
from evfi.provenance import digest_file, write_json

FOLDER = Path(__file__).resolve().parent.parent / "weights"
MOST_BYTES = 12_000_000
"""Of all shipped files together: a wheel should stay small."""
MOST_COST_DB = 0.02
"""What half precision may cost."""


def shipped_weights(family: Family) -> Path | None:
    """The shipped weights of a family; None where this build has none.

    Raises:
        InputFileError: the file is not the one that its receipt names.
    """
    path = FOLDER / f"{family.name}.safetensors"
    if not path.is_file():
        return None
    receipt = shipped_receipt(family)
    if digest_file(path) != receipt.get("sha256"):
        raise InputFileError(f"{path} is not the file that {path.stem}.json names: install evfi again")
    return path


def shipped_receipt(family: Family) -> dict[str, Any]:
    """What is known about the shipped weights of a family.

    Raises:
        MissingInputError: this build has none.
        InputFileError: the receipt is no JSON object.
    """
    path = FOLDER / f"{family.name}.json"
    if not path.is_file():
        raise MissingInputError(f"this build of evfi ships no open weights for {family.name}: there is no {path}")
    try:
        receipt = json.loads(path.read_text())
    except ValueError as error:
        raise InputFileError(f"{path} is not JSON ({error}): install evfi again") from error
    if not isinstance(receipt, dict):
        raise InputFileError(f"{path} is no receipt: install evfi again")
    return receipt


def write_half(source: Path, out: Path) -> None:
    """Copy a weights file with its tensors in half precision; equal files give equal bytes.

    Raises:
        MissingInputError, InputFileError: the source is absent or damaged, or a value does not fit into half precision.
        OutputError: `out` cannot be written.
    """
    meta, state = load_weights(source)
    halves = {name: tensor.to(torch.float16) for name, tensor in state.items()}
    for name, tensor in halves.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputFileError(f"{source}: {name} has values beyond half precision: ship it in full instead")
    facts = {key: value for key, value in meta.items() if key not in ("schema", "version")}
    save_weights(out, halves, {**facts, "stored": "float16", "from_sha256": digest_file(source)})


def write_shipped_receipt(weights: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Write the receipt of a shipped file beside it; returns it."""
    receipt = {
        "schema": "evfi.open_weights",
        "version": 1,
        "sha256": digest_file(weights),
        "bytes": weights.stat().st_size,
        **content,
    }
    write_json(weights.with_suffix(".json"), receipt)
    return receipt

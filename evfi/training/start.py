"""The model at step 0 of a stage: fresh weights from the seed, weights of earlier stages, the rest frozen."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from evfi.errors import UserError
from evfi.models.family import Family, ModelOptions, Stage
from evfi.models.weights import check_same_model, fill, load_weights
from evfi.provenance import item_seed


def model_at_start(
    family: Family, stage: Stage, options: ModelOptions, starts: Mapping[str, Path], seed: int
) -> nn.Module:
    """The whole model of a family as the stage finds it; only the stage's own modules take gradients and are
    in training mode.

    Args:
        starts: the exported weights of each stage in `stage.needs`, by stage name.

    Raises:
        UserError: a needed stage is missing from `starts`, or one is named that is not needed.
        InputFileError: weights of another family, width or stage.
    """
    _check_order(family, stage, starts)
    torch.manual_seed(item_seed(seed, "fresh weights"))
    model = family.build(options)
    for needed in stage.needs:
        meta, state = load_weights(starts[needed])
        check_same_model(starts[needed], meta, family, options)
        if meta.get("stage") != needed:
            raise UserError(
                f"{starts[needed]} holds the stage {meta.get('stage')}, but {family.name} {stage.name} starts from "
                f"{needed}: exchange the files"
            )
        fill(model, state, starts[needed], family.modules_of(needed))
    model.requires_grad_(False).eval()
    for module in stage.trains:
        model.get_submodule(module).requires_grad_(True).train()
    return model


def trained_state(model: nn.Module, modules: tuple[str, ...]) -> dict[str, Tensor]:
    """Parameters and buffers of some submodules by their full names (views, not copies)."""
    prefixes = tuple(f"{module}." for module in modules)
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith(prefixes)}


def _check_order(family: Family, stage: Stage, starts: Mapping[str, Path]) -> None:
    for needed in stage.needs:
        if needed not in starts:
            raise UserError(
                f"{family.name} {stage.name} starts from the stage {needed}, whose weights were not given: "
                f"train {needed} first"
            )
    for given in starts:
        if given not in stage.needs:
            wanted = ", ".join(stage.needs) or "nothing"
            raise UserError(f"{family.name} {stage.name} does not start from {given!r}; it starts from {wanted}")

"""TimeLens' losses, one a stage. Modules before the trained one run frozen, without gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from evfi.errors import UserError
from evfi.models.family import Recipe, Stage
from evfi.models.implementation import StageLoss, StageObjective
from evfi.models.timelens.inputs import Inputs
from evfi.models.timelens.manifest import TimeLensRecipe
from evfi.models.timelens.network import Image, Refinement, TimeLens, Warping
from evfi.nn.losses import ImageLoss, image_loss
from evfi.nn.perceptual import lpips_loss, vgg_loss
from evfi.nn.warp import Warped


class Objective(StageObjective):
    """Batch to StageLoss for one stage."""

    def __init__(self, module: str, model: TimeLens, recipe: TimeLensRecipe) -> None:
        super().__init__()
        self.model = model
        self._beforehand, self._images = _STAGES[module]
        self._terms = _terms(recipe)
        # Registered, so that a loss with weights follows the objective to its device.
        self._networks = nn.ModuleList(term.loss for term in self._terms if isinstance(term.loss, nn.Module))

    @torch.no_grad()
    def beforehand(self, inputs: Inputs) -> "Beforehand | None":
        """What the modules before the stage's own say; None in the first two stages."""
        return None if self._beforehand is None else self._beforehand(self.model, inputs)

    def forward(self, inputs: Inputs, beforehand: "Beforehand | None" = None) -> StageLoss:
        if inputs.target is None:
            raise UserError("training needs samples with a target frame; these have none")
        known = self.beforehand(inputs) if beforehand is None else beforehand
        images, frame = self._images(self.model, inputs, known)
        total = frame.new_zeros(())
        parts: dict[str, Tensor] = {}
        for term in self._terms:
            value = torch.stack([term.loss(image, inputs.target) for image in images]).sum()
            total = total + term.weight * value
            parts[term.name] = value.detach()
        return StageLoss(total=total, parts=parts, frame=frame.detach())


def objective(stage: Stage, model: TimeLens, recipe: Recipe) -> Objective:
    """Model and loss of a stage as one module.

    Raises:
        UserError: a recipe of another family, or one that weighs every term with zero.
    """
    if not isinstance(recipe, TimeLensRecipe):
        raise UserError(f"stage {stage.name} of timelens needs a TimeLensRecipe, got {type(recipe).__name__}")
    (module,) = stage.trains
    return Objective(module, model, recipe)


@dataclass(frozen=True, slots=True)
class _Term:
    name: str
    weight: float
    loss: ImageLoss


def _terms(recipe: TimeLensRecipe) -> tuple[_Term, ...]:
    terms = [_Term(recipe.pixel, recipe.pixel_weight, image_loss(recipe.pixel))]
    if recipe.perceptual != "none":
        terms.append(_Term(recipe.perceptual, recipe.perceptual_weight, _perceptual(recipe)))
    if not any(term.weight for term in terms):
        raise UserError("pixel_weight and perceptual_weight are both 0, nothing would be trained: set one of them")
    return tuple(terms)


def _perceptual(recipe: TimeLensRecipe) -> ImageLoss:
    recipe.check_files()
    files = recipe.files()
    if recipe.perceptual == "lpips":
        return lpips_loss(files["vgg_weights"], files["lpips_heads"])
    if recipe.perceptual == "vgg":
        return vgg_loss(files["vgg_weights"])
    return image_loss(recipe.perceptual)


# For each module: what is known before it, and from that the images that the loss compares with the target and the
# frame to show in validation.
_Images = tuple[tuple[Tensor, ...], Tensor]


@dataclass(frozen=True, eq=False)
class Joined:
    """What refinement starts from."""

    synthesised: Image
    warping: Warping


@dataclass(frozen=True, eq=False)
class Refined:
    """What attention starts from."""

    joined: Joined
    refinement: Refinement


Beforehand = Joined | Refined


def _synthesis(model: TimeLens, inputs: Inputs, _: None) -> _Images:
    frame = model.synthesised(inputs)
    return (frame,), frame


def _warp(model: TimeLens, inputs: Inputs, _: None) -> _Images:
    warping = model.warped(inputs)
    return (warping.warped0.image, warping.warped1.image), _mean_of_valid(warping.warped0, warping.warped1)


def _joined(model: TimeLens, inputs: Inputs) -> Joined:
    return Joined(model.synthesised(inputs), model.warped(inputs))


def _refinement(model: TimeLens, _: Inputs, known: Joined) -> _Images:
    refinement = model.refined(known.warping, known.synthesised)
    refined0, refined1 = refinement.refined0, refinement.refined1
    return (refined0.image, refined1.image), _mean_of_valid(refined0, refined1)


def _refined(model: TimeLens, inputs: Inputs) -> Refined:
    joined = _joined(model, inputs)
    return Refined(joined, model.refined(joined.warping, joined.synthesised))


def _attention(model: TimeLens, inputs: Inputs, known: Refined) -> _Images:
    joined = known.joined
    frame = model.attended(inputs, joined.warping, known.refinement, joined.synthesised).frame
    return (frame,), frame


_STAGES: dict[
    str, tuple[Callable[[TimeLens, Inputs], Beforehand] | None, Callable[[TimeLens, Inputs, Any], _Images]]
] = {
    "synthesis": (None, _synthesis),
    "warp": (None, _warp),
    "refinement": (_joined, _refinement),
    "attention": (_refined, _attention),
}


def _mean_of_valid(side0: Warped, side1: Warped) -> Tensor:
    """The mean of both sides; where one of them had no source, the other alone."""
    valid0, valid1 = (~side0.invalid).float(), (~side1.invalid).float()
    return (side0.image * valid0 + side1.image * valid1) / (valid0 + valid1).clamp(min=1)

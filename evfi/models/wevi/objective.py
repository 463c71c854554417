"""WEVI's losses, one a stage. Stage 1 runs frozen, without gradients, when stage 2 is trained."""

import torch
from torch import nn

from evfi.errors import UserError
from evfi.models.family import Recipe, Stage
from evfi.models.implementation import StageLoss
from evfi.models.wevi.correction import Corrected
from evfi.models.wevi.inputs import Inputs
from evfi.models.wevi.manifest import WeviRecipe
from evfi.models.wevi.network import Image, Wevi, signed, unsigned
from evfi.nn.losses import charbonnier


class Objective(nn.Module):
    """Batch to StageLoss for one stage."""

    def __init__(self, module: str, model: Wevi, epsilon: float) -> None:
        super().__init__()
        self.model = model
        self._refines = module == "refinement"
        self._epsilon = epsilon

    def forward(self, inputs: Inputs) -> StageLoss:
        if inputs.target is None:
            raise UserError("training needs samples with a target frame; these have none")
        frame = self._refined(inputs) if self._refines else self._corrected(inputs).frame
        loss = charbonnier(frame, signed(inputs.target), self._epsilon)
        return StageLoss(total=loss, parts={"charbonnier": loss.detach()}, frame=unsigned(frame.detach()))

    def _corrected(self, inputs: Inputs) -> Corrected:
        with torch.no_grad():
            warping = self.model.warped(inputs)
        return self.model.corrected(inputs, warping)

    def _refined(self, inputs: Inputs) -> Image:
        with torch.no_grad():
            corrected = self._corrected(inputs)
        return self.model.refined(inputs, corrected).frame


def objective(stage: Stage, model: Wevi, recipe: Recipe) -> Objective:
    """Model and loss of a stage as one module.

    Raises:
        UserError: a recipe of another family.
    """
    if not isinstance(recipe, WeviRecipe):
        raise UserError(f"stage {stage.name} of wevi needs a WeviRecipe, got {type(recipe).__name__}")
    (module,) = stage.trains
    return Objective(module, model, recipe.charbonnier_epsilon)

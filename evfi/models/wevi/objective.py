"""WEVI's losses, one a stage. Stage 1 runs frozen, without gradients, when stage 2 is trained."""

import torch

from evfi.errors import UserError
from evfi.models.family import Recipe, Stage
from evfi.models.implementation import StageLoss, StageObjective
from evfi.models.wevi.correction import Corrected
from evfi.models.wevi.inputs import Inputs
from evfi.models.wevi.manifest import WeviRecipe
from evfi.models.wevi.network import Warping, Wevi, signed, unsigned
from evfi.nn.losses import charbonnier


class Objective(StageObjective):
    """Batch to StageLoss for one stage."""

    def __init__(self, module: str, model: Wevi, epsilon: float) -> None:
        super().__init__()
        self.model = model
        self._refines = module == "refinement"
        self._epsilon = epsilon

    @torch.no_grad()
    def beforehand(self, inputs: Inputs) -> Warping | Corrected:
        """What the stage starts from: the splatted frames, or stage 1's correction of them."""
        warping = self.model.warped(inputs)
        return self.model.corrected(inputs, warping) if self._refines else warping

    def forward(self, inputs: Inputs, beforehand: Warping | Corrected | None = None) -> StageLoss:
        if inputs.target is None:
            raise UserError("training needs samples with a target frame; these have none")
        start = self.beforehand(inputs) if beforehand is None else beforehand
        if isinstance(start, Corrected):
            frame = self.model.refined(inputs, start).frame
        else:
            frame = self.model.corrected(inputs, start).frame
        loss = charbonnier(frame, signed(inputs.target), self._epsilon)
        return StageLoss(total=loss, parts={"charbonnier": loss.detach()}, frame=unsigned(frame.detach()))


def objective(stage: Stage, model: Wevi, recipe: Recipe) -> Objective:
    """Model and loss of a stage as one module.

    Raises:
        UserError: a recipe of another family.
    """
    if not isinstance(recipe, WeviRecipe):
        raise UserError(f"stage {stage.name} of wevi needs a WeviRecipe, got {type(recipe).__name__}")
    (module,) = stage.trains
    return Objective(module, model, recipe.charbonnier_epsilon)

"""WEVI's losses, one a stage. Stage 1 runs frozen, without gradients, when stage 2 is trained."""

import torch
from torch import Tensor

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

    def __init__(self, module: str, model: Wevi, recipe: WeviRecipe) -> None:
        super().__init__()
        self.model = model
        self._refines = module == "refinement"
        self._recipe = recipe

    @torch.no_grad()
    def beforehand(self, inputs: Inputs) -> Warping | Corrected:
        """What the stage starts from: the splatted frames, or stage 1's correction of them."""
        seen = self._seen(inputs)
        warping = self.model.warped(seen)
        return self.model.corrected(seen, warping) if self._refines else warping

    def forward(self, inputs: Inputs, beforehand: Warping | Corrected | None = None) -> StageLoss:
        if inputs.target is None:
            raise UserError("training needs samples with a target frame; these have none")
        start = self.beforehand(inputs) if beforehand is None else beforehand
        seen = self._seen(inputs)
        target = signed(inputs.target)
        if isinstance(start, Corrected):
            frame, started = self.model.refined(seen, start).frame, {"correction": start.frame}
        else:
            frame, started = self.model.corrected(seen, start).frame, {"splatted": (start.warped0 + start.warped1) / 2}
        loss = self._loss(frame, target)
        return StageLoss(
            total=loss,
            parts={"charbonnier": loss.detach()},
            frame=unsigned(frame.detach()),
            starts={name: self._loss(image, target) for name, image in started.items()},
        )

    def _seen(self, inputs: Inputs) -> Inputs:
        """The inputs, without their events where the recipe takes them away."""
        return inputs.without_events() if self._recipe.without_events else inputs

    def _loss(self, frame: Tensor, target: Tensor) -> Tensor:
        return charbonnier(frame, target, self._recipe.charbonnier_epsilon)


def objective(stage: Stage, model: Wevi, recipe: Recipe) -> Objective:
    """Model and loss of a stage as one module.

    Raises:
        UserError: a recipe of another family.
    """
    if not isinstance(recipe, WeviRecipe):
        raise UserError(f"stage {stage.name} of wevi needs a WeviRecipe, got {type(recipe).__name__}")
    (module,) = stage.trains
    return Objective(module, model, recipe)

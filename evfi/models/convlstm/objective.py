"""The loss of the one stage: L1 on both frames. The refined term also reaches the synthesis network."""

from evfi.errors import UserError
from evfi.models.convlstm.inputs import Inputs, signed, unsigned
from evfi.models.convlstm.manifest import ConvLSTMRecipe
from evfi.models.convlstm.network import ConvLSTMInterpolation
from evfi.models.family import Recipe, Stage
from evfi.models.implementation import StageLoss, StageObjective
from evfi.nn.losses import l1


class Objective(StageObjective):
    """Batch to StageLoss; both terms on values in [-1, 1], twice those of [0, 1]."""

    def __init__(self, model: ConvLSTMInterpolation, recipe: ConvLSTMRecipe) -> None:
        super().__init__()
        self.model = model
        self._synthesis_weight, self._refined_weight = recipe.synthesis_weight, recipe.refined_weight

    def forward(self, inputs: Inputs, beforehand: None = None) -> StageLoss:
        if inputs.target is None:
            raise UserError("training needs samples with a target frame; these have none")
        target = signed(inputs.target)
        outputs = self.model(inputs.frames)
        synthesis, refined = l1(outputs.synthesised, target), l1(outputs.refined, target)
        return StageLoss(
            total=self._synthesis_weight * synthesis + self._refined_weight * refined,
            parts={"l1_synthesis": synthesis.detach(), "l1_refined": refined.detach()},
            frame=unsigned(outputs.refined.detach()),
        )


def objective(stage: Stage, model: ConvLSTMInterpolation, recipe: Recipe) -> Objective:
    """Model and loss of the stage as one module.

    Raises:
        UserError: a recipe of another family.
    """
    if not isinstance(recipe, ConvLSTMRecipe):
        raise UserError(f"stage {stage.name} of convlstm needs a ConvLSTMRecipe, got {type(recipe).__name__}")
    return Objective(model, recipe)

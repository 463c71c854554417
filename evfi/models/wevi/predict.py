"""From a batch of inputs to clamped frames."""

import torch

from evfi.models.implementation import Predictions
from evfi.models.wevi.inputs import Inputs
from evfi.models.wevi.network import Wevi, unsigned


def predict(model: Wevi, inputs: Inputs) -> Predictions:
    """Frames of stage 2 for a batch of any size; shown on the way are both warped frames and stage 1's."""
    with torch.inference_mode():
        outputs = model(inputs)
        return Predictions(
            frame=unsigned(outputs.refined.frame).clamp(0, 1),
            intermediates={
                "warped0": unsigned(outputs.warping.warped0).clamp(0, 1),
                "warped1": unsigned(outputs.warping.warped1).clamp(0, 1),
                "correction": unsigned(outputs.corrected.frame).clamp(0, 1),
            },
        )

"""From a batch of inputs to clamped frames."""

import torch

from evfi.models.implementation import Predictions
from evfi.models.timelens.inputs import Inputs
from evfi.models.timelens.network import TimeLens


def predict(model: TimeLens, inputs: Inputs) -> Predictions:
    """Frames for a batch of any size, in the model's variant; each sample's tau may differ."""
    with torch.inference_mode():
        outputs = model(inputs)
        return Predictions(
            frame=outputs.attention.frame.clamp(0, 1),
            intermediates={
                "synthesis": outputs.synthesised.clamp(0, 1),
                "refined0": outputs.refinement.refined0.image.clamp(0, 1),
                "refined1": outputs.refinement.refined1.image.clamp(0, 1),
            },
        )

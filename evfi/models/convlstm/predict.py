"""From a batch of inputs to clamped frames."""

import torch

from evfi.models.convlstm.inputs import Inputs, unsigned
from evfi.models.convlstm.network import ConvLSTMInterpolation
from evfi.models.implementation import Predictions


def predict(model: ConvLSTMInterpolation, inputs: Inputs) -> Predictions:
    """Frames for a batch of any size."""
    with torch.inference_mode():
        outputs = model(inputs.frames)
        return Predictions(
            frame=unsigned(outputs.refined).clamp(0, 1),
            intermediates={"synthesis": unsigned(outputs.synthesised).clamp(0, 1)},
        )

"""Loss and PSNR on held-out samples, and a picture of some of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from evfi.evaluation.metrics import psnr_float
from evfi.inference.quantise import quantised
from evfi.models.batch import Batch
from evfi.models.implementation import StageLoss
from evfi.nn.precision import autocast
from evfi.samples.sample import Image, Sample

_PICTURE_ROWS = 4
_GAP_PX = 4
_WHITE = 255


@dataclass(frozen=True, eq=False)
class Validation:
    """Means over the validation samples, and a picture with rows of frame0 | target | prediction | frame1."""

    metrics: dict[str, float]
    picture: Image


def validate(
    objective: nn.Module, samples: Iterable[tuple[Sample, Batch]], device: torch.device, precision: str
) -> Validation | None:
    """Run the objective over whole frames, one sample a batch; None where there is none.

    Metrics: loss, psnr in dB (evaluation's psnr_float) of the frame that the stage shows, and loss_of/NAME of what it
    starts from, where its objective tells.
    """
    losses: list[float] = []
    psnrs: list[float] = []
    rows: list[Image] = []
    starts: dict[str, list[float]] = {}
    training = [module for module in objective.modules() if module.training]
    objective.eval()
    with torch.no_grad():
        for sample, batch in samples:
            if sample.target is None:
                continue
            with autocast(device, precision):
                result: StageLoss = objective(batch.to(device))
            frame = result.frame[0].float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
            losses.append(float(result.total))
            for name, value in result.starts.items():
                starts.setdefault(f"loss_of/{name}", []).append(float(value))
            psnrs.append(psnr_float(frame, sample.target))
            rows.append(_joined((sample.frame0, sample.target, quantised(frame), sample.frame1), axis=1))
    for module in training:
        module.training = True
    if not losses:
        return None
    count = min(_PICTURE_ROWS, len(rows))
    shown = [rows[number * len(rows) // count] for number in range(count)]
    return Validation(
        metrics={
            "loss": float(np.mean(losses)),
            "psnr": float(np.mean(psnrs)),
            **{name: float(np.mean(values)) for name, values in starts.items()},
        },
        picture=_joined(shown, axis=0),
    )


def _joined(images: Sequence[Image], *, axis: int) -> Image:
    """Images along an axis with white gaps; smaller ones are filled up with white."""
    across = 1 - axis
    size = max(image.shape[across] for image in images)
    parts: list[NDArray[np.uint8]] = []
    for number, image in enumerate(images, start=1):
        widths = [(0, 0), (0, 0), (0, 0)]
        widths[across] = (0, size - image.shape[across])
        widths[axis] = (0, _GAP_PX if number < len(images) else 0)
        parts.append(np.pad(image, widths, constant_values=_WHITE))
    return np.concatenate(parts, axis=axis)

"""LPIPS as a metric, from weights that the user has: lpips_alex and lpips_vgg."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from evfi.evaluation.metrics import Figure, FloatImage, not_applicable
from evfi.evaluation.options import NO_WEIGHTS, LpipsOptions
from evfi.nn.perceptual import Lpips, lpips_alex_distance, lpips_loss
from evfi.samples.sample import Image

_SMALLEST_SIDE = 64


def lpips(frame: FloatImage, target: Image, network: str, options: LpipsOptions) -> Figure:
    """LPIPS v0.1 of the clamped frame; not applicable without weights, or for frames below 64 pixels.

    Args:
        network: "alex" or "vgg".

    Raises:
        MissingInputError, InputFileError: the files are absent or damaged.
    """
    files = options.files(network)
    if files is None:
        return not_applicable(NO_WEIGHTS)
    if min(target.shape[:2]) < _SMALLEST_SIDE:
        return not_applicable(f"frames of {target.shape[1]}x{target.shape[0]}, needs {_SMALLEST_SIDE} pixels")
    images = [
        torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, 2, 0)[None], dtype=np.float32))
        for image in (np.clip(frame, 0, 1), target / np.float32(255))
    ]
    with torch.inference_mode():
        return Figure(float(_network(network, *files)(*images)))


@lru_cache(maxsize=2)
def _network(network: str, backbone: Path, heads: Path) -> Lpips:
    return (lpips_alex_distance if network == "alex" else lpips_loss)(backbone, heads)

"""PWC-Net as a flow provider, with weights from a file that the user names (`pwc_net.pth.tar`)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from evfi.errors import InputFileError, MissingInputError
from evfi.flow.provider import check_pair
from evfi.flow.pwc_network import PwcNet
from evfi.nn.device import device_named
from evfi.nn.torch_file import plain_content
from evfi.provenance import digest_file

_MULTIPLE = 64
_ENLARGEMENT = 2
"""Images are computed at about twice their size, as WEVI's released code does (specs/wevi.md, section 5)."""
_NAMED_DIGITS = 8


class PwcFlow:
    """PWC-Net flow. Not trained here; the file's own licence applies to it.

    Each image is stretched to [0, 1] by its own minimum and maximum (Differs: the released code takes those of a whole
    batch, so that results depend on what else is in it); a constant image becomes 0.

    Args:
        weights: the public file, its layout as published or under the entry `state_dict`.
        device: cpu, cuda or cuda:N.

    Raises:
        MissingInputError: there is no such file. InputFileError: it holds something else.
        UserError: the device is unknown or not there.
    """

    def __init__(self, weights: Path, *, device: str = "cpu") -> None:
        self._device = device_named(device)
        self._network = _loaded(weights).to(self._device)
        self.name = f"pwc-{digest_file(weights)[:_NAMED_DIGITS]}"

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `FlowProvider`."""
        check_pair(a, b)
        height, width = a.shape[:2]
        size = tuple(_ENLARGEMENT * _MULTIPLE * -(-side // _MULTIPLE) for side in (height, width))
        with torch.inference_mode():
            first, second = (_resized(_stretched(image).to(self._device), size) for image in (a, b))
            flow = _resized(self._network(first, second), (height, width))[0].permute(1, 2, 0).cpu().numpy()
        return np.ascontiguousarray(flow * np.array([width / size[1], height / size[0]], np.float32))


def _loaded(path: Path) -> PwcNet:
    if not path.is_file():
        raise MissingInputError(f"no flow weights at {path}: name PWC-Net's pwc_net.pth.tar, or choose the flow dis")
    content = plain_content(path, "get it again")
    state = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    network = PwcNet()
    own = network.state_dict()
    names = {str(name).removeprefix("module."): tensor for name, tensor in state.items()}
    wrong = [name for name in sorted(set(own) | set(names)) if _shape(own.get(name)) != _shape(names.get(name))]
    if wrong:
        raise InputFileError(
            f"{path} does not hold PWC-Net: {wrong[0]} has shape {_shape(names.get(wrong[0]))}, expected "
            f"{_shape(own.get(wrong[0]))}"
        )
    network.load_state_dict(names)
    return network.eval().requires_grad_(False)


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def _stretched(image: NDArray[np.uint8]) -> Tensor:
    """(1, 3, H, W) in [0, 1], channels BGR."""
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    values = torch.from_numpy(np.ascontiguousarray(colour[..., ::-1].transpose(2, 0, 1))).float()[None]
    low, high = values.min(), values.max()
    return (values - low) / (high - low).clamp(min=1)


def _resized(image: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(image, size=size, mode="bilinear", align_corners=True)

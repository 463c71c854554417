"""PWC-Net (Sun et al., CVPR 2018) with its densely connected decoders, in plain PyTorch.

Facts of specs/wevi.md, section 5. Parameter names are those of the public `pwc_net.pth.tar`, so that importing it needs
no map. Conventions: level k has 1/2^k of the resolution; LeakyReLU 0.1; the correlation is the mean over channels.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from evfi.nn.correlation import local_correlation
from evfi.nn.warp import backward_warp

RADIUS = 4
_PYRAMID = (3, 16, 32, 64, 96, 128, 196)
_DECODER = (128, 128, 96, 64, 32)
_CONTEXT = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))
"""Channels and dilation."""
_TOP, _BOTTOM = 6, 2
_FLOW_UNIT = 20.0
"""Pixels of the input that a predicted 1 means."""
_WHOLE = 0.9999
_Features = Float[Tensor, "b c h w"]


class PwcNet(nn.Module):
    """Two images (B, 3, H, W) in [0, 1], channels BGR, sides multiples of 64, to the flow at 1/4 of their size.

    The result is (dx, dy) in pixels of the input.
    """

    def __init__(self) -> None:
        super().__init__()
        for level, (before, after) in enumerate(pairwise(_PYRAMID), start=1):
            first, *others = _pyramid_names(level)
            self.add_module(first, _activated(before, after, stride=2))
            for name in others:
                self.add_module(name, _activated(after, after))
        channels = (2 * RADIUS + 1) ** 2
        for level in range(_TOP, _BOTTOM - 1, -1):
            width = channels if level == _TOP else channels + _PYRAMID[level] + 2 + 2
            for number, added in enumerate(_DECODER):
                self.add_module(f"conv{level}_{number}", _activated(width, added))
                width += added
            self.add_module(f"predict_flow{level}", nn.Conv2d(width, 2, 3, padding=1))
            self.add_module(f"deconv{level}", nn.ConvTranspose2d(2, 2, 4, stride=2, padding=1))
            if level > _BOTTOM:
                self.add_module(f"upfeat{level}", nn.ConvTranspose2d(width, 2, 4, stride=2, padding=1))
            else:
                for number, (added, dilation) in enumerate(_CONTEXT, start=1):
                    self.add_module(f"dc_conv{number}", _activated(width, added, dilation=dilation))
                    width = added
                self.dc_conv7 = nn.Conv2d(width, 2, 3, padding=1)

    def forward(self, first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h4 w4"]:
        pyramid1, pyramid2 = self._pyramid(first), self._pyramid(second)
        dense, flow = self._decoded(_TOP, _correlation(pyramid1[_TOP], pyramid2[_TOP]))
        for level in range(_TOP - 1, _BOTTOM - 1, -1):
            larger = self._run(f"deconv{level + 1}", flow)
            features = self._run(f"upfeat{level + 1}", dense)
            warped = _warped(pyramid2[level], larger * (_FLOW_UNIT / 2**level))
            found = _correlation(pyramid1[level], warped)
            dense, flow = self._decoded(level, torch.cat((found, pyramid1[level], larger, features), dim=1))
        for number in range(1, len(_CONTEXT) + 1):
            dense = self._run(f"dc_conv{number}", dense)
        return (flow + self.dc_conv7(dense)) * _FLOW_UNIT

    def _pyramid(self, image: Tensor) -> dict[int, _Features]:
        levels: dict[int, Tensor] = {}
        for level in range(1, _TOP + 1):
            for name in _pyramid_names(level):
                image = self._run(name, image)
            levels[level] = image
        return levels

    def _decoded(self, level: int, image: _Features) -> tuple[_Features, _Features]:
        """All features of a level, each convolution seeing those before it, and the flow."""
        for number in range(len(_DECODER)):
            image = torch.cat((self._run(f"conv{level}_{number}", image), image), dim=1)
        return image, self._run(f"predict_flow{level}", image)

    def _run(self, name: str, image: Tensor) -> Tensor:
        return self.get_submodule(name)(image)


def _pyramid_names(level: int) -> tuple[str, str, str]:
    """In the order of use, in which the public network names its last level differently."""
    a, aa, b = f"conv{level}a", f"conv{level}aa", f"conv{level}b"
    return (aa, a, b) if level == _TOP else (a, aa, b)


def _activated(in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=dilation, dilation=dilation)
    return nn.Sequential(convolution, nn.LeakyReLU(0.1))


def _correlation(first: _Features, second: _Features) -> _Features:
    mean = local_correlation(first, second, RADIUS) / first.shape[1]
    return nn.functional.leaky_relu(mean, 0.1)


def _warped(image: _Features, flow: Float[Tensor, "b 2 h w"]) -> _Features:
    """Backward warp; places whose source is not wholly inside the image become 0."""
    moved = backward_warp(torch.cat((image, torch.ones_like(image[:, :1])), dim=1), flow).image
    return torch.where(moved[:, -1:] < _WHOLE, 0, moved[:, :-1])

"""The building blocks that both stages of WEVI share.

Conventions: 3x3 convolutions repeat the border (replicate padding) except in residual blocks; GroupNorm has four
groups; upsampling is bilinear by two with align_corners True.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 4
_SLOPE = 0.1
_FUSE_SLOPE = 0.2
_INITIAL_GAIN = 0.2


class Convolved(nn.Module):
    """3x3 convolution, GroupNorm, LeakyReLU 0.1."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, bias: bool = False) -> None:
        super().__init__()
        self.conv = convolution3(in_channels, out_channels, stride=stride, bias=bias)
        self.norm = nn.GroupNorm(GROUPS, out_channels)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return activated(self.norm(self.conv(image)))


class Fuse(nn.Module):
    """Hidden features normalised, then scaled and shifted by what events and frames say, pixel by pixel.

    A mask, told from the hidden features alone, chooses between the two (FaceShifter's AAD layer).
    """

    def __init__(self, channels: int, guide_channels: int) -> None:
        super().__init__()
        self.event_scale, self.event_shift, self.frame_scale, self.frame_shift = (
            nn.Conv2d(guide_channels, channels, 1) for _ in range(4)
        )
        self.mask = convolution3(channels, 1, bias=True)

    def forward(
        self, hidden: Float[Tensor, "b c h w"], events: Float[Tensor, "b g h w"], frames: Float[Tensor, "b g h w"]
    ) -> Float[Tensor, "b c h w"]:
        hidden = F.instance_norm(hidden)
        mask = torch.sigmoid(self.mask(hidden))
        by_events = self.event_scale(events) * hidden + self.event_shift(events)
        by_frames = self.frame_scale(frames) * hidden + self.frame_shift(frames)
        return mask * by_events + (1 - mask) * by_frames


class FuseBlock(nn.Module):
    """Two fusing convolutions with a fusing shortcut beside them; the channels always change, the size does not."""

    def __init__(self, in_channels: int, out_channels: int, guide_channels: int) -> None:
        super().__init__()
        self.fuse1, self.fuse2, self.fuse3 = (Fuse(in_channels, guide_channels) for _ in range(3))
        self.conv1 = convolution3(in_channels, in_channels)
        self.conv2 = convolution3(in_channels, out_channels)
        self.conv3 = convolution3(in_channels, out_channels)

    def forward(
        self, hidden: Float[Tensor, "b c h w"], events: Float[Tensor, "b g h w"], frames: Float[Tensor, "b g h w"]
    ) -> Float[Tensor, "b d h w"]:
        inner = self.conv1(_fused_activation(self.fuse1(hidden, events, frames)))
        inner = self.conv2(_fused_activation(self.fuse2(inner, events, frames)))
        shortcut = self.conv3(_fused_activation(self.fuse3(hidden, events, frames)))
        return inner + shortcut


class Residual(nn.Module):
    """Two 3x3 convolutions with zero padding and a ReLU between them, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return image + self.conv2(F.relu(self.conv1(image)))


def convolution3(in_channels: int, out_channels: int, *, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A 3x3 convolution that repeats the border."""
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, padding_mode="replicate", bias=bias)


def activated(image: Tensor) -> Tensor:
    """LeakyReLU 0.1."""
    return F.leaky_relu(image, _SLOPE)


def enlarged(image: Float[Tensor, "b c h w"], factor: int = 2) -> Float[Tensor, "b c h2 w2"]:
    """Bilinear upsampling, align_corners True."""
    return F.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=True)


def initialise(model: nn.Module) -> None:
    """Xavier-normal weights of gain 0.2 and zero biases in every convolution, as the released code does."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight, gain=_INITIAL_GAIN)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _fused_activation(image: Tensor) -> Tensor:
    return F.leaky_relu(image, _FUSE_SLOPE)

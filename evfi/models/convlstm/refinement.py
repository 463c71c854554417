"""The refinement network: six attention blocks that look at the synthesised frame and its two neighbours together."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from evfi.models.convlstm.manifest import ConvLSTMOptions

Image = Float[Tensor, "b c h w"]


class ChannelAttention(nn.Module):
    """Each channel times a weight in (0, 1) from all channels' means (SENet, arXiv:1709.01507)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels, channels // reduction, 1)
        self.widen = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, image: Image) -> Image:
        means = image.mean(dim=(2, 3), keepdim=True)
        return image * self.widen(self.narrow(means).relu()).sigmoid()


class SpatialAttention(nn.Module):
    """Each pixel times a weight in (0, 1) from the mean and maximum over channels around it (CBAM)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, image: Image) -> Image:
        seen = torch.cat((image.mean(dim=1, keepdim=True), image.amax(dim=1, keepdim=True)), dim=1)
        return image * self.conv(seen).sigmoid()


class AttentionBlock(nn.Module):
    """Two convolutions, channel attention, spatial attention; added to the input."""

    def __init__(self, channels: int, options: ConvLSTMOptions) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, channels, options)
        self.conv2 = _convolution(channels, channels, options)
        self.channel = ChannelAttention(channels, options.se_reduction)
        self.spatial = SpatialAttention(options.spatial_kernel)

    def forward(self, image: Image) -> Image:
        return image + self.spatial(self.channel(self.conv2(self.conv1(image).relu())))


class Refinement(nn.Module):
    """The synthesised frame and its two neighbours, (B, 3, H, W) each, to the residual of the synthesised frame."""

    def __init__(self, options: ConvLSTMOptions) -> None:
        super().__init__()
        channels = 3 * options.in_channels
        self.conv_in = _convolution(channels, channels, options)
        self.blocks = nn.Sequential(*(AttentionBlock(channels, options) for _ in range(options.n_attention_blocks)))
        self.conv_out = _convolution(channels, options.in_channels, options)

    def forward(self, synthesised: Image, left: Image, right: Image) -> Image:
        entered = self.conv_in(torch.cat((synthesised, left, right), dim=1))
        refined = entered + self.blocks(entered)
        # Under autocast, too: bfloat16 would round the residual to 1/256 of its value.
        with torch.autocast(refined.device.type, enabled=False):
            return self.conv_out(refined.to(synthesised.dtype))


def _convolution(in_channels: int, out_channels: int, options: ConvLSTMOptions) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, options.kernel_size, padding=options.kernel_size // 2)

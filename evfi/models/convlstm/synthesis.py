"""The synthesis network: a U-Net whose encoder carries four frames through time, and their residual to the average.

Time is folded into the batch (time first) everywhere but in the ConvLSTM layers. Convolutions pad with zeros; skips
are added.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from evfi.models.convlstm.manifest import ConvLSTMOptions
from evfi.models.convlstm.recurrent import ConvLSTM, folded, in_time_order

_MOST_GROUPS = 8
Frames = Float[Tensor, "b t c h w"]


class EncodingBlock(nn.Module):
    """ConvLSTM, norm, ReLU, convolution (norm, ReLU), then halving. Gives the pooled sequence and the skip before it.

    Under reference_exact the second norm and ReLU are left out.
    """

    def __init__(self, in_channels: int, out_channels: int, options: ConvLSTMOptions) -> None:
        super().__init__()
        self.recurrent = ConvLSTM(
            in_channels,
            in_channels,
            options.kernel_size,
            peephole=options.peephole,
            bidirectional=options.bidirectional,
        )
        self.norm1 = _norm(in_channels, options)
        self.conv = _convolution(in_channels, out_channels, options)
        self.norm2 = None if options.reference_exact else _norm(out_channels, options)

    def forward(self, frames: Frames) -> tuple[Float[Tensor, "b t d h2 w2"], Float[Tensor, "n d h w"]]:
        hidden = folded(self.recurrent(frames))
        skip = self.conv(_activated(self.norm1(hidden)))
        if self.norm2 is not None:
            skip = _activated(self.norm2(skip))
        return in_time_order(F.max_pool2d(skip, 2), frames.shape[1]), skip


class DecodingBlock(nn.Module):
    """Upsampling, convolution, the skip added, norm, ReLU, convolution, norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, options: ConvLSTMOptions) -> None:
        super().__init__()
        self.mode = options.upsample
        self.conv1 = _convolution(in_channels, in_channels, options)
        self.norm1 = _norm(in_channels, options)
        self.conv2 = _convolution(in_channels, out_channels, options)
        self.norm2 = _norm(out_channels, options)

    def forward(self, image: Float[Tensor, "n c h2 w2"], skip: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        larger = F.interpolate(image, scale_factor=2, mode=self.mode, align_corners=False)
        joined = _activated(self.norm1(self.conv1(larger) + skip))
        return _activated(self.norm2(self.conv2(joined)))


class Synthesis(nn.Module):
    """Frames (B, 4, 3, H, W) of any size to the residual (B, 3, H, W) of the average of the middle two.

    Frames are replicated at the right and bottom to a multiple of 2^depth, and the residual is cropped back.
    """

    def __init__(self, options: ConvLSTMOptions) -> None:
        super().__init__()
        channels, frames = options.in_channels, options.in_frames
        widths = [options.base_channels * options.growth**level for level in range(options.depth)]
        narrower = [channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            EncodingBlock(narrow, wide, options) for narrow, wide in zip(narrower, widths, strict=True)
        )
        self.bottleneck = _pair(widths[-1], widths[-1], widths[-1], options)
        if not options.reference_exact:
            self.bottleneck.append(nn.ReLU(inplace=True))
        self.decoder = nn.ModuleList(
            DecodingBlock(wide, narrow, options) for wide, narrow in zip(widths[::-1], narrower[::-1], strict=True)
        )
        self.tail = _pair(frames * channels, frames * channels // 2, channels, options)
        self.multiple = 2**options.depth

    def forward(self, frames: Frames) -> Float[Tensor, "b c h w"]:
        height, width = frames.shape[-2:]
        encoded = self._padded(frames)
        skips = []
        for encode in self.encoder:
            encoded, skip = encode(encoded)
            skips.append(skip)
        decoded = self.bottleneck(folded(encoded))
        for decode in self.decoder:
            decoded = decode(decoded, skips.pop())
        # Temporal collapse: the time steps side by side, in their order, along the channels.
        joined = in_time_order(decoded, frames.shape[1]).flatten(1, 2)
        # Under autocast, too: bfloat16 would round the residual to 1/256 of its value.
        with torch.autocast(joined.device.type, enabled=False):
            return self.tail(joined.to(frames.dtype))[..., :height, :width]

    def _padded(self, frames: Frames) -> Frames:
        bottom, right = (-side % self.multiple for side in frames.shape[-2:])
        if not bottom and not right:
            return frames
        padded = F.pad(folded(frames), (0, right, 0, bottom), mode="replicate")
        return in_time_order(padded, frames.shape[1])


def _pair(in_channels: int, between: int, out_channels: int, options: ConvLSTMOptions) -> nn.Sequential:
    """Two convolutions, with a ReLU between them unless reference_exact."""
    activation = [] if options.reference_exact else [nn.ReLU(inplace=True)]
    return nn.Sequential(
        _convolution(in_channels, between, options), *activation, _convolution(between, out_channels, options)
    )


def _convolution(in_channels: int, out_channels: int, options: ConvLSTMOptions) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, options.kernel_size, padding=options.kernel_size // 2)


def _norm(channels: int, options: ConvLSTMOptions) -> nn.Module:
    if options.norm == "none":
        return nn.Identity()
    if options.norm == "batch":
        return nn.BatchNorm2d(channels)
    groups = max(count for count in range(1, _MOST_GROUPS + 1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


def _activated(image: Tensor) -> Tensor:
    return F.relu(image, inplace=True)

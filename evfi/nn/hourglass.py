"""The hourglass network: an encoder of five halvings and a decoder that meets it at every scale.

Jiang et al., "Super SloMo" (CVPR 2018), with the channel counts of specs/timelens.md. Conventions: zero padding "same"
in convolutions; the input is zero-padded at the *top and left* to a multiple of 32 and the output cropped back the same
way; upsampling is bilinear with align_corners False; LeakyReLU 0.1 everywhere but after the last convolution. Module
names follow the published key layout (`conv1`, `down1.conv1`, …), so that importing a checkpoint is a change of prefix.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from evfi.errors import UserError
from evfi.nn.tiling import tile_side, tiled

MULTIPLE = 32
_SLOPE = 0.1
_HEAD_KERNEL = 7
_DOWN_KERNELS = (5, 3, 3, 3, 3)
_FACTORS = (1, 2, 4, 8, 16, 16)
# Measured at widths 8 to 32: peak memory of a forward pass is 35 to 47 bytes a pixel and channel of width in float32,
# 18 to 21 in bfloat16: 12 planes of each.
_PLANES = 12


class Hourglass(nn.Module):
    """Image (B, in_channels, H, W) of any size to image (B, out_channels, H, W), unbounded, in float32.

    `base_width` is the number of channels at full resolution (32 in the paper); the deepest scales have 16 times that.
    Where `max_bytes` is set and a forward pass would need more, the images of a batch run one by one, and in tiles.
    """

    max_bytes: int | None = None

    def __init__(self, in_channels: int, out_channels: int, base_width: int = 32) -> None:
        super().__init__()
        widths = [factor * base_width for factor in _FACTORS]
        self.conv1 = _convolution(in_channels, widths[0], _HEAD_KERNEL)
        self.conv2 = _convolution(widths[0], widths[0], _HEAD_KERNEL)
        self.down1, self.down2, self.down3, self.down4, self.down5 = (
            Down(narrow, wide, kernel)
            for narrow, wide, kernel in zip(widths[:-1], widths[1:], _DOWN_KERNELS, strict=True)
        )
        self.up1, self.up2, self.up3, self.up4, self.up5 = (
            Up(deep, shallow) for deep, shallow in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.conv3 = _convolution(widths[0], out_channels, 3)

    def forward(self, image: Float[Tensor, "b in_channels h w"]) -> Float[Tensor, "b out_channels h w"]:
        height, width = image.shape[-2:]
        image = padded(image)
        decoded = self._whole(image) if self._fits(image) else torch.cat([self._limited(one) for one in image.split(1)])
        return cropped(decoded, height, width)

    def _whole(self, image: Tensor) -> Tensor:
        skip1 = _activated(self.conv2(_activated(self.conv1(image))))
        skip2 = self.down1(skip1)
        skip3 = self.down2(skip2)
        skip4 = self.down3(skip3)
        skip5 = self.down4(skip4)
        decoded = self.down5(skip5)
        decoded = self.up1(decoded, skip5)
        decoded = self.up2(decoded, skip4)
        decoded = self.up3(decoded, skip3)
        decoded = self.up4(decoded, skip2)
        decoded = self.up5(decoded, skip1)
        return self._tail(decoded)

    def _fits(self, image: Tensor) -> bool:
        return self.max_bytes is None or image.shape[0] * image[0, 0].numel() <= self._affordable_pixels(image)

    def _affordable_pixels(self, image: Tensor) -> float:
        reduced = torch.is_autocast_enabled(image.device.type)
        size = torch.get_autocast_dtype(image.device.type).itemsize if reduced else image.element_size()
        return (self.max_bytes or 0) / (_PLANES * size * self.conv1.out_channels)

    def _limited(self, image: Tensor) -> Tensor:
        """One image, whole where it fits alone, else in tiles that see as much around them as the network does."""
        overlap = -(-reach() // MULTIPLE) * MULTIPLE
        height, width = image.shape[-2:]
        tile = tile_side(height, width, overlap, MULTIPLE, self._affordable_pixels(image))
        return self._whole(image) if tile is None else tiled(self._whole, image, tile, overlap)

    def _tail(self, decoded: Tensor) -> Tensor:
        # In bfloat16 a flow of 8 pixels would be rounded to 1/16 pixel, so the last layer always runs in float32.
        with torch.autocast(decoded.device.type, enabled=False):
            return self.conv3(decoded.to(self.conv3.weight.dtype))


class Down(nn.Module):
    """Halve the resolution, then two convolutions."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, out_channels, kernel)
        self.conv2 = _convolution(out_channels, out_channels, kernel)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return _activated(self.conv2(_activated(self.conv1(F.avg_pool2d(image, 2)))))


class Up(nn.Module):
    """Double the resolution, one convolution, join the skip connection, a second convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, out_channels, 3)
        self.conv2 = _convolution(2 * out_channels, out_channels, 3)

    def forward(self, image: Float[Tensor, "b c h2 w2"], skip: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        larger = F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
        return _activated(self.conv2(torch.cat((_activated(self.conv1(larger)), skip), dim=1)))


@cache
def reach() -> int:
    """The distance in pixels at which an input can still change an output: 259.

    Followed from an output back to the first and last input that it is made of, for each place in a cell of 32 pixels.
    """
    distances = []
    for place in range(MULTIPLE):
        first = last = place
        first, last = first - 1, last + 1  # conv3
        for _ in _DOWN_KERNELS:  # up: two convolutions of 3, then the two neighbours of bilinear upsampling
            first, last = (first - 3) // 2, (last + 3) // 2
        for kernel in reversed(_DOWN_KERNELS):  # down: two convolutions, then pairs of pixels
            first, last = 2 * (first - (kernel - 1)), 2 * (last + (kernel - 1)) + 1
        first, last = first - (_HEAD_KERNEL - 1), last + (_HEAD_KERNEL - 1)
        distances += [place - first, last - place]
    return max(distances)


def limit_memory(model: nn.Module, max_bytes: int | None) -> None:
    """Let each hourglass of a model use at most that much memory in a forward pass; None = any.

    Raises:
        UserError: a limit for a model without any hourglass, which cannot keep it.
    """
    hourglasses = [module for module in model.modules() if isinstance(module, Hourglass)]
    if max_bytes is not None and not hourglasses:
        raise UserError(
            f"{type(model).__name__} cannot run in tiles, so that --max-memory cannot be kept: leave it out, make the "
            "frames smaller, or take a family of hourglass networks (timelens)"
        )
    for hourglass in hourglasses:
        hourglass.max_bytes = max_bytes


def padded(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Zero-pad at the top and left to the next multiple of 32."""
    height, width = image.shape[-2:]
    top, left = -height % MULTIPLE, -width % MULTIPLE
    return F.pad(image, (left, 0, top, 0)) if top or left else image


def cropped(image: Float[Tensor, "b c h2 w2"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Undo `padded`: keep the bottom right height x width pixels."""
    return image[..., image.shape[-2] - height :, image.shape[-1] - width :]


def _convolution(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


def _activated(image: Tensor) -> Tensor:
    return F.leaky_relu(image, _SLOPE, inplace=True)

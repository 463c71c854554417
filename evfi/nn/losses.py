"""Losses on images (B, C, H, W); each is a mean over all pixels and channels, computed in float32."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from evfi.errors import UserError

Image = Float[Tensor, "b c h w"]
ImageLoss = Callable[[Tensor, Tensor], Tensor]

_CHARBONNIER_EPSILON = 1e-3
_PYRAMID_LEVELS = 5


def l1(image: Image, target: Image) -> Float[Tensor, ""]:
    """Mean absolute difference."""
    return (image.float() - target.float()).abs().mean()


def charbonnier(image: Image, target: Image, epsilon: float = _CHARBONNIER_EPSILON) -> Float[Tensor, ""]:
    """Mean of sqrt(difference² + epsilon²), epsilon 0.001 if not told: L1 with a smooth minimum."""
    return torch.sqrt((image.float() - target.float()).square() + epsilon**2).mean()


def laplacian(image: Image, target: Image) -> Float[Tensor, ""]:
    """L1 between Laplacian pyramids: sum over levels of 2^level times the mean absolute difference of that band.

    Source: Bojanowski et al. 2018 and Niklaus & Liu 2018, who use 5 levels (fewer where the image is smaller than
    32 pixels). A pyramid is linear, so that of the difference is built once; its last level is the low-pass rest.
    A perceptual term that needs no weights: it compares structure at every scale, where plain L1 sees pixels alone.
    """
    with torch.autocast(image.device.type, enabled=False):
        rest = image.float() - target.float()
        total = rest.new_zeros(())
        last = max(0, min(_PYRAMID_LEVELS, min(rest.shape[-2:]).bit_length() - 1) - 1)
        for level in range(last):
            smaller = _halved(rest)
            total = total + 2**level * (rest - _doubled(smaller, rest)).abs().mean()
            rest = smaller
        return total + 2**last * rest.abs().mean()


def image_loss(name: str) -> ImageLoss:
    """The loss of that name: "l1", "charbonnier" or "laplacian"."""
    losses: dict[str, ImageLoss] = {"l1": l1, "charbonnier": charbonnier, "laplacian": laplacian}
    if name not in losses:
        raise UserError(f"there is no image loss {name!r}; choose one of {', '.join(losses)}")
    return losses[name]


def _halved(image: Tensor) -> Tensor:
    """Blur by (1, 3, 3, 1) / 8 and halve, rounding the size up; pixel i is centred between 2i and 2i + 1."""
    height, width = image.shape[-2:]
    # Four strided views an axis: on a CPU faster than a grouped convolution of three channels.
    image = F.pad(image, (1, 1 + width % 2, 1, 1 + height % 2), mode="replicate")
    image = image[..., 0:-3:2, :] + 3 * (image[..., 1:-2:2, :] + image[..., 2:-1:2, :]) + image[..., 3::2, :]
    image = image[..., 0:-3:2] + 3 * (image[..., 1:-2:2] + image[..., 2:-1:2]) + image[..., 3::2]
    return image / 64


def _doubled(image: Tensor, like: Tensor) -> Tensor:
    larger = F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
    return larger[..., : like.shape[-2], : like.shape[-1]]

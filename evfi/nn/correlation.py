"""How alike two feature maps are at every small displacement; PWC-Net's cost volume and WEVI's attention use it."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def local_correlation(
    first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"], radius: int
) -> Float[Tensor, "b k h w"]:
    """Scalar products <first(y, x), second(y + v, x + u)> for all u, v in [-radius, radius], zero outside the map.

    Channel k = (v + radius)(2 radius + 1) + (u + radius). One displacement is computed after the other, so that no
    more than the result and one product is held. In float32 also under autocast.
    """
    height, width = first.shape[-2:]
    with torch.autocast(first.device.type, enabled=False):
        first = first.float()
        around = F.pad(second.float(), (radius, radius, radius, radius))
        products = [
            (first * around[..., down : down + height, across : across + width]).sum(1)
            for down in range(2 * radius + 1)
            for across in range(2 * radius + 1)
        ]
        return torch.stack(products, dim=1)

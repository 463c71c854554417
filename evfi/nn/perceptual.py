"""Perceptual losses on VGG16 features: `vgg` and `lpips`. Their weights come from files that the user has.

Johnson et al. 2016 (feature losses), Jiang et al. 2018 (which features), Zhang et al. 2018 (LPIPS). Nothing is ever
downloaded; a torch file is read with weights_only. Images are RGB in [0, 1]; everything runs in float32.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from evfi.errors import InputFileError, MissingInputError
from evfi.nn.torch_file import plain_content
from evfi.provenance import digest_file

Image = Float[Tensor, "b 3 h w"]


@dataclass(frozen=True, slots=True)
class Backbone:
    """The layers of a published network's `features`, by torchvision's numbers; the others are ReLUs.

    Attributes:
        convolutions: number → (channels in, out, kernel, stride, padding).
        pools: numbers of the max pools; pool: their (kernel, stride).
        lpips_taps, lpips_channels: the layers that LPIPS v0.1 looks at, and how many channels each has.
    """

    convolutions: Mapping[int, tuple[int, int, int, int, int]]
    pools: tuple[int, ...]
    pool: tuple[int, int]
    lpips_taps: tuple[int, ...]
    lpips_channels: tuple[int, ...]


# Simonyan & Zisserman 2015; LPIPS looks at relu1_2, relu2_2, relu3_3, relu4_3, relu5_3
VGG16 = Backbone(
    {
        number: (*channels, 3, 1, 1)
        for number, channels in {
            0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256),
            17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512),
        }.items()
    },
    pools=(4, 9, 16, 23), pool=(2, 2), lpips_taps=(3, 8, 15, 22, 29), lpips_channels=(64, 128, 256, 512, 512),
)  # fmt: skip
_CONV4_3 = 21
# Krizhevsky 2014
ALEXNET = Backbone(
    {
        0: (3, 64, 11, 4, 2), 3: (64, 192, 5, 1, 2), 6: (192, 384, 3, 1, 1), 8: (384, 256, 3, 1, 1),
        10: (256, 256, 3, 1, 1),
    },
    pools=(2, 5), pool=(3, 2), lpips_taps=(1, 4, 7, 9, 11), lpips_channels=(64, 192, 384, 256, 256),
)  # fmt: skip
# mean and standard deviation of ImageNet's RGB in [0, 1] (torchvision's normalisation of its VGG16)
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# the `ScalingLayer` of LPIPS v0.1, for RGB in [-1, 1]
_LPIPS_SCALING = ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450))
_LPIPS_EPSILON = 1e-10
_NAMED_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.[^.]+$")


class Features(nn.Module):
    """The convolutions of a published network, frozen.

    Args:
        backbone: its layers.
        state: tensors by torchvision's names (`features.0.weight`, …); those of the classifier are not used.
        source: the file they come from, for messages.

    Raises:
        InputFileError: a tensor is missing or has another shape.
    """

    def __init__(self, backbone: Backbone, state: Mapping[str, Tensor], source: Path) -> None:
        super().__init__()
        self.backbone = backbone
        self.convolutions = nn.ModuleDict(
            {str(number): nn.Conv2d(*sizes) for number, sizes in backbone.convolutions.items()}
        )
        for number, convolution in self.convolutions.items():
            for name, parameter in convolution.named_parameters():
                _fill(parameter, state, f"features.{number}.{name}", source)
        self.requires_grad_(False)

    def forward(self, image: Image, taps: Iterable[int]) -> list[Float[Tensor, "b c h2 w2"]]:
        """The outputs of some layers, by torchvision's numbers, in their order."""
        wanted = sorted(taps)
        found = []
        for number in range(wanted[-1] + 1):
            if str(number) in self.convolutions:
                image = self.convolutions[str(number)](image)
            elif number in self.backbone.pools:
                image = F.max_pool2d(image, *self.backbone.pool)
            else:
                image = F.relu(image)
            if number in wanted:
                found.append(image)
        return found


class VggLoss(nn.Module):
    """Mean squared difference of VGG16's conv4_3: the perceptual loss of Super SloMo (Jiang et al. 2018)."""

    def __init__(self, vgg: Features) -> None:
        super().__init__()
        self._vgg = vgg
        self._input = _Normalised(*_IMAGENET)

    def forward(self, image: Image, target: Image) -> Float[Tensor, ""]:
        with torch.autocast(image.device.type, enabled=False):
            found, wanted = (self._vgg(self._input(each.float()), (_CONV4_3,))[0] for each in (image, target))
            return F.mse_loss(found, wanted)


class Lpips(nn.Module):
    """LPIPS v0.1 (Zhang et al., CVPR 2018), mean over the batch.

    At five layers: features of both images at unit length in each pixel, the squared difference weighted by channel,
    mean over the pixels; the sum of the five.

    Args:
        network: what gives the features.
        heads: `lin0.model.1.weight` … `lin4.model.1.weight`, each (1, channels, 1, 1), as LPIPS v0.1 stores them.
    """

    def __init__(self, network: Features, heads: Mapping[str, Tensor], source: Path) -> None:
        super().__init__()
        self._network, self._taps = network, network.backbone.lpips_taps
        self._input = _Normalised(*_LPIPS_SCALING)
        self._heads = nn.ParameterList(
            nn.Parameter(torch.empty(1, count, 1, 1), requires_grad=False) for count in network.backbone.lpips_channels
        )
        for number, head in enumerate(self._heads):
            _fill(head, heads, f"lin{number}.model.1.weight", source)

    def forward(self, image: Image, target: Image) -> Float[Tensor, ""]:
        with torch.autocast(image.device.type, enabled=False):
            found, wanted = (self._network(self._input(2 * each.float() - 1), self._taps) for each in (image, target))
            distances = [
                ((_unit(ours) - _unit(theirs)).square() * head).sum(dim=1).mean()
                for ours, theirs, head in zip(found, wanted, self._heads, strict=True)
            ]
            return torch.stack(distances).sum()


def vgg_loss(vgg_weights: Path) -> VggLoss:
    """The `vgg` loss from a file of VGG16's weights.

    Raises:
        MissingInputError, InputFileError: it is absent, damaged, or not VGG16.
    """
    return VggLoss(Features(VGG16, _loaded(vgg_weights), vgg_weights))


def lpips_loss(vgg_weights: Path, lpips_heads: Path) -> Lpips:
    """The `lpips` loss from files of VGG16's weights and of LPIPS' linear heads. Errors as `vgg_loss`."""
    vgg = Features(VGG16, _loaded(vgg_weights), vgg_weights)
    return Lpips(vgg, _loaded(lpips_heads), lpips_heads)


def lpips_alex_distance(alex_weights: Path, lpips_heads: Path) -> Lpips:
    """LPIPS on AlexNet, from files of its weights and of LPIPS' linear heads for it. Errors as `vgg_loss`."""
    alex = Features(ALEXNET, _loaded(alex_weights), alex_weights)
    return Lpips(alex, _loaded(lpips_heads), lpips_heads)


class _Normalised(nn.Module):
    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1))

    def forward(self, image: Image) -> Image:
        return (image - self.mean) / self.deviation


def _unit(features: Tensor) -> Tensor:
    # Inside of the root, so that the gradient of a pixel without any feature is 0 and not NaN.
    return features * torch.rsqrt(features.square().sum(dim=1, keepdim=True) + _LPIPS_EPSILON**2)


def _loaded(path: Path) -> dict[str, Tensor]:
    """The tensors of a torch or safetensors file. A digest in the name, as torch's hub writes it, is checked."""
    if not path.is_file():
        raise MissingInputError(f"no weights of a loss at {path}: put the file there, or choose a loss that needs none")
    named = _NAMED_DIGEST.search(path.name)
    digest = digest_file(path) if named else ""
    if named and not digest.startswith(named[1]):
        raise InputFileError(
            f"{path} is damaged: its name promises a SHA-256 that begins with {named[1]}, it is {digest[:16]}…: "
            "get it again"
        )
    if path.suffix == ".safetensors":
        return _safe_tensors(path)
    state = plain_content(path, "get it again")
    if not isinstance(state, dict):
        raise InputFileError(f"{path} holds a {type(state).__name__}, expected tensors by name")
    return state


def _safe_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        reason = str(error).splitlines()[0]
        raise InputFileError(f"{path} cannot be read as weights ({reason}): get it again") from error


def _fill(parameter: nn.Parameter, state: Mapping[str, Tensor], name: str, source: Path) -> None:
    found = state.get(name)
    if not isinstance(found, Tensor) or found.shape != parameter.shape:
        came = f"of shape {tuple(found.shape)}" if isinstance(found, Tensor) else "missing"
        raise InputFileError(
            f"{source} is not what the option asks for: {name} is {came}, expected {tuple(parameter.shape)}"
        )
    with torch.no_grad():
        parameter.copy_(found)

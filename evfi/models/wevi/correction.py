"""Stage 1: two U-Nets, of events and of forward warped frames, fused into a frame and its features at three scales.

Conventions: frames in [-1, 1]; event counts in [-10, 10]. The frame is synthesised, no input is added to it, nothing
is clamped.

Every convolution of the U-Nets is followed by a norm and has no bias: brightness and contrast of the picture are lost
on the way, so that the source has to guess them from the crop. Here (unless asked otherwise) the warped frames' mean
and deviation are taken out before the networks, and given back to the frame that they make.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from evfi.models.wevi.blocks import Convolved, FuseBlock, activated, convolution3, enlarged, initialise

MULTIPLE = 16
BINS = 8
"""Of the event tensor: four before the target and four after it."""
_FRAME_CHANNELS = 2 * 3
LEAST_DEVIATION = 0.05


@dataclass(frozen=True, eq=False)
class Corrected:
    """Stage 1's frame in [-1, 1] (not clamped), and the features beside it that stage 2 reads.

    Features are those of the padded size: they reach beyond the frame at the right and bottom.
    """

    frame: Float[Tensor, "b 3 h w"]
    features4: Float[Tensor, "b c4 h4 w4"]
    features2: Float[Tensor, "b c2 h2 w2"]
    features1: Float[Tensor, "b c1 h w"]


@dataclass(frozen=True, eq=False)
class Pyramid:
    """A U-Net's features at 1/16, 1/8, 1/4, 1/2 and full resolution."""

    at16: Tensor
    at8: Tensor
    at4: Tensor
    at2: Tensor
    at1: Tensor


@dataclass(frozen=True, eq=False)
class Look:
    """Mean and deviation over all values of a pair of frames, one each a sample."""

    mean: Float[Tensor, "b 1 1 1"]
    deviation: Float[Tensor, "b 1 1 1"]

    @classmethod
    def of(cls, first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"]) -> Self:
        """Of two frames in [-1, 1]; the deviation of an even surface counts as `LEAST_DEVIATION`."""
        both = torch.stack((first, second), dim=1).float().flatten(1)
        mean, deviation = both.mean(dim=1), both.std(dim=1, correction=0).clamp(min=LEAST_DEVIATION)
        return cls(mean.view(-1, 1, 1, 1), deviation.view(-1, 1, 1, 1))

    def removed(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The image at mean 0 and deviation 1."""
        return (image - self.mean) / self.deviation

    def restored(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The image with this mean in place of its own, and with its own deviation times this one."""
        return self.mean + self.deviation * (image - image.mean(dim=(1, 2, 3), keepdim=True))


class Correction(nn.Module):
    """Warped frames and events to a frame of any size.

    Args:
        base_channels: channels at full resolution; 32 = the source.
        padding: how sizes are filled up at the right and bottom to a multiple of 16: "zeros" as the source does (they
            enter the norms' statistics), or "replicate".
        restores_contrast: the frame gets the warped frames' mean and deviation; the source's does not.
    """

    def __init__(
        self, base_channels: int, padding: Literal["zeros", "replicate"], *, restores_contrast: bool = True
    ) -> None:
        super().__init__()
        self._restores_contrast = restores_contrast
        self._mode = "constant" if padding == "zeros" else padding
        self.events = UNet(BINS, base_channels)
        self.frames = UNet(_FRAME_CHANNELS, base_channels)
        self.fusion = Fusion(base_channels)
        initialise(self)

    def forward(
        self,
        warped0: Float[Tensor, "b 3 h w"],
        warped1: Float[Tensor, "b 3 h w"],
        events: Float[Tensor, "b 8 h w"],
    ) -> Corrected:
        height, width = events.shape[-2:]
        look = Look.of(warped0, warped1) if self._restores_contrast else None
        if look is not None:
            warped0, warped1 = look.removed(warped0), look.removed(warped1)
        of_events = self.events(self._padded(events))
        of_frames = self.frames(self._padded(torch.cat((warped0, warped1), dim=1)))
        fused = self.fusion(of_events, of_frames)
        frame = fused.frame[..., :height, :width]
        return replace(fused, frame=frame if look is None else look.restored(frame))

    def _padded(self, image: Tensor) -> Tensor:
        bottom, right = (-side % MULTIPLE for side in image.shape[-2:])
        return F.pad(image, (0, right, 0, bottom), mode=self._mode)


class UNet(nn.Module):
    """Four halvings and back, each scale joined with the encoder's."""

    def __init__(self, in_channels: int, base: int) -> None:
        super().__init__()
        self.down1 = Convolved(in_channels, base)
        self.down2 = Convolved(base, 2 * base, stride=2)
        self.down3 = Convolved(2 * base, 4 * base, stride=2)
        self.down4 = Convolved(4 * base, 8 * base, stride=2)
        self.down5 = Convolved(8 * base, 8 * base, stride=2)
        self.up1 = Convolved(8 * base, 8 * base)
        self.up2 = Convolved(16 * base, 4 * base)
        self.up3 = Convolved(8 * base, 2 * base)
        self.up4 = Convolved(4 * base, base)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Pyramid:
        skip1 = self.down1(image)
        skip2 = self.down2(skip1)
        skip4 = self.down3(skip2)
        skip8 = self.down4(skip4)
        at16 = self.down5(skip8)
        at8 = torch.cat((self.up1(enlarged(at16)), skip8), dim=1)
        at4 = torch.cat((self.up2(enlarged(at8)), skip4), dim=1)
        at2 = torch.cat((self.up3(enlarged(at4)), skip2), dim=1)
        at1 = torch.cat((self.up4(enlarged(at2)), skip1), dim=1)
        return Pyramid(at16, at8, at4, at2, at1)


class Fusion(nn.Module):
    """Event and frame features to a frame, from coarse to fine."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(16 * base, 16 * base, 1, bias=False)
        self.block1 = FuseBlock(16 * base, 8 * base, 16 * base)
        self.block2 = FuseBlock(8 * base, 4 * base, 8 * base)
        self.block3 = FuseBlock(4 * base, 2 * base, 4 * base)
        self.block4 = FuseBlock(2 * base, base, 2 * base)
        self.head = convolution3(base, base, bias=True)
        self.tail = nn.Conv2d(base, 3, 1)

    def forward(self, events: Pyramid, frames: Pyramid) -> Corrected:
        at16 = self.entry(torch.cat((events.at16, frames.at16), dim=1))
        at8 = self.block1(enlarged(at16), events.at8, frames.at8)
        at4 = self.block2(enlarged(at8), events.at4, frames.at4)
        at2 = self.block3(enlarged(at4), events.at2, frames.at2)
        at1 = self.block4(enlarged(at2), events.at1, frames.at1)
        # bfloat16 holds gray values near 1 to 1/256 only, so the last layer always runs in float32.
        with torch.autocast(at1.device.type, enabled=False):
            frame = self.tail(activated(self.head(at1.float())))
        return Corrected(frame, at4, at2, at1)

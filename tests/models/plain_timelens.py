"""TimeLens written a second time from specs/timelens.md, as plainly as it can be said, with each convention named.

`Conventions()` is the specification; every field can be set otherwise, to show that a test would notice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]


@dataclass(frozen=True)
class Conventions:
    padding: str = "top left"
    upsampling_aligned: bool = False
    skip_order: str = "after the decoded"
    warping_aligned: bool = True
    outside: str = "zero, and nothing from x < 0"
    flow_order: str = "dy dx"
    synthesis_order: tuple[int, ...] = (0, 1, 2, 3)  # events before, frame0, events after, frame1
    refinement_order: tuple[int, ...] = (0, 1, 2)  # warped1, warped0, synthesised
    residual_order: tuple[int, int] = (1, 0)  # whose residual the first and the last two channels are
    twice_warped: bool = True
    attention_order: tuple[int, ...] = (0, 1, 2, 3, 4, 5)  # flow1, refined1, flow0, refined0, synthesised, tau
    weights_order: tuple[int, int, int] = (0, 1, 2)  # refined0, refined1, synthesised
    weighting: str = "softmax"
    reversed_grid: str = "bins and sign"
    tau: str = "from frame0"
    variant: str = "forward"
    slope: float = 0.1
    pooling: str = "average"


SPECIFICATION = Conventions()


def hourglass(state: State, name: str, image: Tensor, rule: Conventions) -> Tensor:
    height, width = image.shape[-2:]
    down, right = -height % 32, -width % 32
    start = (down, right) if rule.padding == "top left" else (0, 0)
    image = functional.pad(image, (right, 0, down, 0) if start != (0, 0) else (0, right, 0, down))

    def conv(layer: str, value: Tensor, *, linear: bool = False) -> Tensor:
        weight = state[f"{name}.{layer}.weight"]
        value = functional.conv2d(value, weight, state[f"{name}.{layer}.bias"], padding=weight.shape[-1] // 2)
        return value if linear else torch.where(value > 0, value, rule.slope * value)

    skips = [conv("conv2", conv("conv1", image))]
    for number in range(1, 6):
        halved = (
            functional.avg_pool2d(skips[-1], 2) if rule.pooling == "average" else functional.max_pool2d(skips[-1], 2)
        )
        skips.append(conv(f"down{number}.conv2", conv(f"down{number}.conv1", halved)))
    value = skips.pop()
    for number in range(1, 6):
        value = functional.interpolate(value, scale_factor=2, mode="bilinear", align_corners=rule.upsampling_aligned)
        value = conv(f"up{number}.conv1", value)
        parts = (value, skips.pop()) if rule.skip_order == "after the decoded" else (skips.pop(), value)
        value = conv(f"up{number}.conv2", torch.cat(parts, dim=1))
    value = conv("conv3", value, linear=True)
    return value[..., start[0] : start[0] + height, start[1] : start[1] + width]


def warp(image: Tensor, flow: Tensor, rule: Conventions) -> Tensor:
    """Pixel by pixel: the four neighbours of p + flow, weighted; what lies outside counts as 0."""
    batch, channels, height, width = image.shape
    dy, dx = (flow[:, 0], flow[:, 1]) if rule.flow_order == "dy dx" else (flow[:, 1], flow[:, 0])
    x = torch.arange(width, dtype=image.dtype) + dx
    y = torch.arange(height, dtype=image.dtype)[:, None] + dy
    if not rule.warping_aligned:
        x, y = (x * width / (width - 1) - 0.5), (y * height / (height - 1) - 0.5)
    if rule.outside == "border":
        x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    result = torch.zeros_like(image)
    left, top = x.floor(), y.floor()
    for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
        weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
        there = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long().view(batch, 1, -1)
        value = image.reshape(batch, channels, -1).gather(2, place.expand(-1, channels, -1)).view_as(image)
        result += value * (weight * there)[:, None]
    if rule.outside == "zero, and nothing from x < 0":
        result = result * ((x >= 0) & (x < width) & (y >= 0) & (y < height))[:, None]
    return result


def timelens(state: State, inputs: dict[str, Tensor], rule: Conventions = SPECIFICATION) -> Tensor:
    """The frame at tau, not clamped. Inputs: frame0, frame1, before (5 bins), after (5 bins), tau."""
    frame0, frame1, before, after = (inputs[name] for name in ("frame0", "frame1", "before", "after"))

    def ordered(order: tuple[int, ...], *parts: Tensor) -> Tensor:
        return torch.cat([parts[number] for number in order], dim=1)

    synthesised = hourglass(state, "synthesis", ordered(rule.synthesis_order, before, frame0, after, frame1), rule)
    backwards = {"bins and sign": -before.flip(1), "bins": before.flip(1), "sign": -before, "neither": before}
    flow0 = hourglass(state, "warp", backwards[rule.reversed_grid], rule)
    flow1 = hourglass(state, "warp", after, rule)
    warped0, warped1 = warp(frame0, flow0, rule), warp(frame1, flow1, rule)
    residuals = hourglass(
        state, "refinement", ordered(rule.refinement_order, warped1, warped0, synthesised), rule
    ).split(2, dim=1)
    of = dict(zip(rule.residual_order, residuals, strict=True))
    sources = (warped0, warped1) if rule.twice_warped else (frame0, frame1)
    refined0, refined1 = (warp(source, of[side], rule) for side, source in enumerate(sources))
    seen0, seen1 = refined0, refined1
    if rule.variant in ("released_fast", "exchanged at the input only"):
        seen0, seen1 = refined1, refined0
    if rule.variant in ("released_fast", "exchanged in the sum only"):
        refined0, refined1 = refined1, refined0
    tau = inputs["tau"] if rule.tau == "from frame0" else 1 - inputs["tau"]
    tau = tau.view(-1, 1, 1, 1).expand(-1, 1, *frame0.shape[-2:])
    logits = hourglass(
        state, "attention", ordered(rule.attention_order, flow1, seen1, flow0, seen0, synthesised, tau), rule
    )
    weights = logits.softmax(dim=1) if rule.weighting == "softmax" else logits.sigmoid()
    candidates = [(refined0, refined1, synthesised)[number] for number in rule.weights_order]
    return sum((weights[:, k : k + 1] * candidate for k, candidate in enumerate(candidates)), torch.zeros(()))

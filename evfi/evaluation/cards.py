"""Metric cards: what a figure is, said beside every table, so that nobody compares two different things by one name."""

from dataclasses import dataclass

import numpy as np

from evfi.errors import UserError
from evfi.evaluation.cube import ALL_TARGETS, Cube, Places
from evfi.evaluation.metrics import PSNR_CEILING_DB
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.protocols import setting_name


@dataclass(frozen=True, slots=True)
class Card:
    """How a metric is computed. `decimals` is how many of its digits mean something."""

    metric: str
    label: str
    unit: str
    decimals: int
    definition: str
    higher_is_better: bool = True
    quantised: str = "no"
    clamped: str = "to [0, 1]"
    border: str = "whole frame"
    averaging: str = "one figure a frame; then the mean over frames, or over sequences' means (both are published)"
    caution: str = ""


@dataclass(frozen=True, slots=True)
class TableCard:
    """A metric's card with what belongs to one table: protocol, groups, numbers, and how its intervals were made."""

    card: Card
    protocol: str
    groups: str
    frames: int
    sequences: int
    not_applicable: int
    interval: str

    def lines(self) -> list[tuple[str, str]]:
        """The card as (heading, text) lines, in the order to print them."""
        card = self.card
        unit = f" ({card.unit})" if card.unit else ""
        lines = [
            ("metric", f"{card.metric}{unit}, {'higher' if card.higher_is_better else 'lower'} is better"),
            ("definition", card.definition),
            ("quantised", card.quantised),
            ("clamped", card.clamped),
            ("border", card.border),
            ("averaging", card.averaging),
            ("protocol", self.protocol),
            ("groups", self.groups),
            ("measured", f"{self.frames} frames of {self.sequences} sequences"),
            ("interval", self.interval),
        ]
        if self.not_applicable:
            lines.append(("not applicable", f"{self.not_applicable} frames without a figure are left out of its means"))
        if card.caution:
            lines.append(("caution", card.caution))
        return lines


_ROUNDED = "rounded to 8 bit"
_CEILING = f"a frame without error counts as {PSNR_CEILING_DB:g} dB"
_PIXEL_CARDS = (
    Card(
        metric="psnr_float",
        label="PSNR",
        unit="dB",
        decimals=2,
        definition=f"-10 log10 of the mean squared error over all pixels and channels of a frame; {_CEILING}",
    ),
    Card(
        metric="psnr_u8",
        label="PSNR, 8 bit",
        unit="dB",
        decimals=2,
        definition=f"psnr_float of the frame rounded to 8 bit; {_CEILING}",
        quantised=_ROUNDED,
    ),
    Card(
        metric="ssim_gauss2d_valid",
        label="SSIM",
        unit="",
        decimals=4,
        definition=(
            "Gaussian 11x11, sigma 1.5, per channel, K1 0.01, K2 0.03, data range 1, population covariance; equals "
            "scikit-image with gaussian_weights=True, sigma=1.5, use_sample_covariance=False"
        ),
        border="5 pixels cropped",
    ),
    Card(
        metric="ssim_gauss2d_mirror",
        label="SSIM, mirrored",
        unit="",
        decimals=4,
        definition="ssim_gauss2d_valid, but averaged over the whole map of mirror-padded frames; equals torchmetrics",
        border="mirrored without repeating the edge",
    ),
    Card(
        metric="ssim_3d",
        label="SSIM, 3D",
        unit="",
        decimals=4,
        definition="one Gaussian 11x11x11, sigma 1.5, over columns, rows and channels, K1 0.01, K2 0.03, data range 1: "
        "the ssim_matlab of IFRNet, AMT, RIFE and REFID",
        border="edge pixels and outer channels repeated",
        caution="channels are mixed: it is higher than the two-dimensional SSIM",
    ),
    Card(
        metric="ie_rms",
        label="IE, RMS",
        unit="8-bit levels",
        decimals=2,
        definition="root of the mean squared difference of 8-bit values over all pixels and channels",
        higher_is_better=False,
        quantised=_ROUNDED,
    ),
    Card(
        metric="ie",
        label="IE",
        unit="8-bit levels",
        decimals=2,
        definition="mean absolute difference of 8-bit values over all pixels and channels",
        higher_is_better=False,
        quantised=_ROUNDED,
    ),
)


_TEMPORAL_CARDS = (
    Card(
        metric="tof",
        label="tOF",
        unit="px",
        decimals=3,
        definition="mean over pixels of |d dx| + |d dy| between the DIS flow of neighbouring frames and that of the "
        "true ones; mean of the steps from the frame before and to the frame after, boundary frames among them",
        higher_is_better=False,
        quantised=_ROUNDED,
        caution="DIS flow sees no finer than the frames' texture",
    ),
    Card(
        metric="flicker",
        label="Flicker",
        unit="8-bit levels",
        decimals=2,
        definition="mean absolute difference between the change from a neighbouring frame and the true change, all "
        "pixels and channels; mean of the steps from the frame before and to the frame after",
        higher_is_better=False,
        quantised=_ROUNDED,
    ),
)
_LPIPS_CARDS = tuple(
    Card(
        metric=f"lpips_{name}",
        label=f"LPIPS, {network}",
        unit="",
        decimals=4,
        definition=f"LPIPS v0.1 on {network}'s features, from the user's files; without them the column says so",
        higher_is_better=False,
        border="as the network pads",
    )
    for name, network in (("alex", "AlexNet"), ("vgg", "VGG16"))
)


def _event_cards(options: EvaluationOptions) -> tuple[Card, ...]:
    active, consistency = options.active, options.consistency
    correlation = (
        "correlation, over pixels with an event, between C+ N+ - C- N- and the change of log(luminance + "
        f"{consistency.log_eps:g}), from both boundary frames; mean of the two sides"
    )
    where = "pixels with an event"
    caution = (
        "no quality rank: it asks whether a frame agrees with the events, and an event integrator is its upper bound"
    )
    return (
        Card(
            metric="psnr_active",
            label="PSNR near events",
            unit="dB",
            decimals=2,
            definition=(
                f"psnr_float over pixels within {active.radius_px} px (Euclidean) of an event between the boundary "
                f"frames; not applicable with fewer than {active.min_pixels} such pixels"
            ),
            border="pixels near an event",
            caution="noise events count as events: with much noise it comes close to psnr_float",
        ),
        Card(
            metric="event_consistency",
            label="Event consistency",
            unit="",
            decimals=3,
            definition=(
                f"{correlation}. C+ and C- are fitted by least squares on the boundary frames and the events between "
                f"them; not identifiable with fewer than {consistency.min_pixels} pixels with an event or R² below "
                f"{consistency.min_r2:g}. Needs no ground truth"
            ),
            border=where,
            caution=caution,
        ),
        Card(
            metric="event_consistency_true",
            label="Event consistency, true contrasts",
            unit="",
            decimals=3,
            definition=f"{correlation}. C+ and C- are those that the events were simulated with",
            border=where,
            caution=caution,
        ),
    )


def metric_card(metric: str, options: EvaluationOptions | None = None) -> Card:
    """The card of a metric.

    Raises:
        UserError: no such metric.
    """
    cards = {
        card.metric: card
        for card in (*_PIXEL_CARDS, *_TEMPORAL_CARDS, *_LPIPS_CARDS, *_event_cards(options or EvaluationOptions()))
    }
    if metric not in cards:
        raise UserError(f"no metric is called {metric!r}; there are {sorted(cards)}")
    return cards[metric]


def table_card(
    cube: Cube, metric: str, places: Places, *, target: str = ALL_TARGETS, options: EvaluationOptions | None = None
) -> TableCard:
    """The card of one table: a metric on some targets of one data set, protocol and skip, all called `target`.

    Raises:
        UserError: no such metric, or nothing was measured there.
    """
    options = options or EvaluationOptions()
    dataset, protocol, skip = cube.key
    places = cube.of_target(target, places)
    measured, missing = np.zeros(len(cube.targets), bool), np.zeros(len(cube.targets), bool)
    for method in cube.methods:
        own = cube.measured(metric, method, places)
        measured[own] = True
        if len(own):
            missing[own] |= np.isnan(cube.figures(metric, method, own))
    frames = np.flatnonzero(measured)
    if not len(frames):
        raise UserError(f"no {metric} was measured for {dataset}, {protocol} {skip}, target {target}")
    sequences = len(cube.targets.sequence.at(frames))
    return TableCard(
        card=metric_card(metric, options),
        protocol=setting_name(dataset, protocol, skip) + ("" if target == ALL_TARGETS else f"; target {target}"),
        groups=_groups(cube, frames),
        frames=len(frames),
        sequences=sequences,
        not_applicable=int(missing.sum()),
        interval=interval_note(sequences, options),
    )


def interval_note(sequences: int, options: EvaluationOptions | None = None) -> str:
    """How the intervals of a table with this many sequences were made."""
    bootstrap = (options or EvaluationOptions()).bootstrap
    head = (
        f"{100 * bootstrap.confidence:g} % percentile bootstrap, {bootstrap.samples} samples, seed {bootstrap.seed}, "
    )
    if sequences >= bootstrap.min_sequences:
        return head + f"over {sequences} sequences"
    return head + (
        f"over blocks of time within {'the one sequence' if sequences == 1 else f'{sequences} sequences'} "
        f"(fewer than {bootstrap.min_sequences}): it says nothing about other scenes"
    )


def _groups(cube: Cube, frames: Places) -> str:
    """How many pairs of boundary frames there are, and whether one begins before another of its sequence ends."""
    sequence, group = cube.targets.sequence, cube.targets.group
    pairs = np.unique(np.stack([sequence.number[frames], group.number[frames]]), axis=1)
    ends = np.array([[int(end) for end in name.split("-")] for name in group.names])[pairs[1]]
    order = np.lexsort((ends[:, 1], ends[:, 0], pairs[0]))
    owner, ends = pairs[0][order], ends[order]
    overlap = bool(((ends[1:, 0] < ends[:-1, 1]) & (owner[1:] == owner[:-1])).any())
    return f"{pairs.shape[1]} pairs of boundary frames, {'overlapping in time' if overlap else 'not overlapping'}"

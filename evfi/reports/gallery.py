"""The samples with pictures: boundary frames, events, every method's answer with its error map, and loops."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from evfi.errors import InputFileError
from evfi.evaluation.pictures import PICTURES_FOLDER, file_name
from evfi.io.images import read_image
from evfi.reports import formatting
from evfi.reports.comparison import Comparison
from evfi.reports.measured import Measured, Method, PictureGroup, PictureSample
from evfi.reports.options import ReportOptions
from evfi.reports.pictures import Image, Picture, error_map, event_overlay, loop, picture
from evfi.reports.settings import headline_target, ordered_settings, setting_words
from evfi.reports.views import kind_of, series_of
from evfi.units import BYTES_PER_MB

log = logging.getLogger(__name__)
TARGET = "target"
_THUMB_SIDE, _THUMB_QUALITY = 144, 70


@dataclass(frozen=True, slots=True)
class Shot:
    """What one method (or the target itself) shows at one moment; `value` is its main metric there."""

    method: str
    label: str
    kind: str
    series: int | None
    image: Picture
    error: Picture | None
    value: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One target: its name, its place between the frames, the events around it, and the answers.

    `overlay` are the same events alone, to be laid over any answer.
    """

    said: str
    events: Picture | None
    overlay: Picture | None
    shots: tuple[Shot, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop through all moments of a gallery."""

    label: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the slider's two lists."""

    method: str
    label: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """All pictures between one pair of boundary frames. `left` and `right` are what the slider shows first."""

    anchor: str
    title: str
    place: str
    thumb: Picture
    frame0: Picture
    frame1: Picture
    moments: tuple[Moment, ...]
    choices: tuple[Choice, ...]
    left: str
    right: str
    first: int
    loops: tuple[Loop, ...]

    @property
    def size(self) -> int:
        """Bytes of all pictures as they stand in the page."""
        pictures: list[Picture] = [self.thumb, self.frame0, self.frame1, *(one.picture for one in self.loops)]
        for moment in self.moments:
            pictures.extend(one for one in (moment.events, moment.overlay) if one)
            pictures.extend(shot.image for shot in moment.shots)
            pictures.extend(shot.error for shot in moment.shots if shot.error)
        return sum(len(one.uri) for one in pictures)


def galleries(comparison: Comparison, options: ReportOptions) -> tuple[tuple[Gallery, ...], int]:
    """Galleries within the page's budget for pictures, and how many groups had to be left out.

    Each setting gives its first group before any gives its second.
    """
    made: list[Gallery] = []
    room = options.pictures_mb * BYTES_PER_MB
    groups = list(_in_turns(comparison, options))
    for group in groups:
        gallery = _gallery(comparison, group, f"gallery-{len(made)}", options)
        if gallery is None:
            continue
        if gallery.size > room:
            continue
        room -= gallery.size
        made.append(gallery)
    left_out = len(groups) - len(made)
    if left_out:
        log.info("%d of %d groups of pictures left out of the report", left_out, len(groups))
    return tuple(made), left_out


def _in_turns(comparison: Comparison, options: ReportOptions) -> Iterator[PictureGroup]:
    by_setting = [
        [group for group in comparison.measured.groups if group.setting == setting]
        for setting in ordered_settings(comparison, options)
    ]
    return (group for group in chain.from_iterable(zip_longest(*by_setting)) if group is not None)


def _gallery(comparison: Comparison, group: PictureGroup, anchor: str, options: ReportOptions) -> Gallery | None:
    """None where the baselines kept no pictures of the group (they alone keep the inputs)."""
    inputs = _inputs_folder(comparison.measured, group)
    if inputs is None:
        return None
    samples = [sample for sample in group.samples if (inputs / sample.folder / "target.png").is_file()]
    if not samples:
        return None
    methods = comparison.methods(group.setting)
    target = headline_target(comparison, group.setting, options)
    baselines = tuple(method for method in methods if method.is_baseline)
    finals = tuple(method for method in methods if method.is_final)
    best_baseline = comparison.best(group.setting, options.main_metric, target, baselines)
    best_final = comparison.best(group.setting, options.main_metric, target, finals)
    coder = _Coder(options)
    ends = [_kept(inputs, samples[0], f"{name}.png") for name in ("frame0", "frame1")]
    moments = tuple(_moment(comparison, group, sample, inputs, coder, options) for sample in samples)
    choices = _choices(moments)
    left = best_baseline.name if best_baseline else methods[0].name
    right = best_final.name if best_final and best_final.name in {one.method for one in choices} else TARGET
    middle = min(range(len(samples)), key=lambda number: abs(samples[number].tau - 0.5))
    looped = [one for one in (best_baseline, *finals) if one is not None]
    return Gallery(
        anchor=anchor,
        title=setting_words(group.setting),
        place=f"{group.sequence}, frames {group.group}",
        thumb=picture(
            _kept(inputs, samples[middle], "target.png"),
            alt="",
            side=_THUMB_SIDE,
            quality=_THUMB_QUALITY,
        ),
        frame0=coder.coded(ends[0], "first frame"),
        frame1=coder.coded(ends[1], "second frame"),
        moments=moments,
        choices=choices,
        left=left,
        right=right,
        first=middle,
        loops=_loops(samples, ends, inputs, looped, coder),
    )


def _choices(moments: Sequence[Moment]) -> tuple[Choice, ...]:
    """The methods that every moment shows, so that the slider can stay on one of them."""
    everywhere = set.intersection(*({shot.method for shot in moment.shots} for moment in moments))
    return tuple(Choice(shot.method, shot.label) for shot in moments[0].shots if shot.method in everywhere)


@dataclass(frozen=True, slots=True)
class _Coder:
    options: ReportOptions

    def coded(self, image: Image, alt: str) -> Picture:
        return picture(image, alt=alt, side=self.options.picture_side, quality=self.options.picture_quality)

    def exact(self, image: Image, alt: str) -> Picture:
        """Without loss: single coloured pixels (events) do not survive WebP's halved colour."""
        return picture(image, alt=alt, side=self.options.picture_side, quality=None)

    def rough(self, image: Image, alt: str) -> Picture:
        """Error maps are noise to a coder and only looked at: at full quality they would be half of the page."""
        return picture(image, alt=alt, side=self.options.picture_side, quality=self.options.rough_quality)

    def looped(self, images: Sequence[Image], taus: Sequence[float], alt: str) -> Picture:
        return loop(
            images,
            taus,
            alt=alt,
            side=self.options.picture_side,
            quality=self.options.rough_quality,
            duration_ms=self.options.loop_ms,
        )


def _moment(
    comparison: Comparison,
    group: PictureGroup,
    sample: PictureSample,
    inputs: Path,
    coder: _Coder,
    options: ReportOptions,
) -> Moment:
    target = _kept(inputs, sample, "target.png")
    series = series_of(comparison.measured.methods)
    card = comparison.card(options.main_metric)
    values = comparison.values_of(group.setting, sample.sample_id, options.main_metric)
    shots = [Shot(TARGET, "target", "target", None, coder.coded(target, f"target, {sample.target}"), None, "the truth")]
    for method in comparison.methods(group.setting):
        pictures = method.folder / PICTURES_FOLDER
        if not (pictures / sample.folder / file_name(method.name)).is_file():
            continue
        image = _kept(pictures, sample, file_name(method.name))
        value = values.get(method.name, float("nan"))
        shots.append(
            Shot(
                method=method.name,
                label=method.label,
                kind=kind_of(method),
                series=series[method.name],
                image=coder.coded(image, f"{method.label}, {sample.target}"),
                error=coder.rough(error_map(image, target, options.error_scale), f"error of {method.label}"),
                value=formatting.with_unit(formatting.number(value, card.decimals), card.unit),
            )
        )
    has_events = (inputs / sample.folder / "events.png").is_file()
    drawn = _kept(inputs, sample, "events.png") if has_events else None
    words = f"events around {sample.target}"
    return Moment(
        said=f"{sample.target}, tau {sample.tau:.2f}",
        events=None if drawn is None else coder.exact(drawn, words),
        overlay=None if drawn is None else coder.exact(event_overlay(drawn), words),
        shots=tuple(shots),
    )


def _loops(
    samples: Sequence[PictureSample], ends: Sequence[Image], inputs: Path, methods: Sequence[Method], coder: _Coder
) -> tuple[Loop, ...]:
    taus = [0.0, *(sample.tau for sample in samples), 1.0]
    made = []
    for name, label, folder in (
        (TARGET, "truth", inputs),
        *((method.name, method.label, method.folder / PICTURES_FOLDER) for method in methods),
    ):
        if all((folder / sample.folder / file_name(name)).is_file() for sample in samples):
            images = [ends[0], *(_kept(folder, sample, file_name(name)) for sample in samples), ends[1]]
            made.append(Loop(label, coder.looped(images, taus, f"loop from the first to the second frame, {label}")))
    return tuple(made)


def _kept(pictures: Path, sample: PictureSample, name: str) -> Image:
    """A picture that the evaluation kept; what lies elsewhere, behind a link, is not put on a page.

    Raises:
        InputFileError: it lies outside of the folder of pictures, or is damaged.
    """
    path = pictures / sample.folder / name
    if not path.resolve().is_relative_to(pictures.resolve()):
        raise InputFileError(f"{path} is a link that leads out of {pictures}: evaluate again")
    return read_image(path)


def _inputs_folder(measured: Measured, group: PictureGroup) -> Path | None:
    folders = dict.fromkeys(method.folder / PICTURES_FOLDER for method in measured.methods if method.is_baseline)
    return next((folder for folder in folders if (folder / group.samples[0].folder / "frame0.png").is_file()), None)

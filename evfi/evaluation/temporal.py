"""Figures of how frames follow each other: tOF and flicker of each target beside its neighbours in its group.

A group's series is its first boundary frame, its targets by time, its second boundary frame. Every target has two
steps, from the frame before and to the frame after; its figure is the mean of the two.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.evaluation.measure import Measurement
from evfi.evaluation.methods import Answer
from evfi.evaluation.options import TEMPORAL_METRICS, EvaluationOptions
from evfi.flow.dis import DisFlow
from evfi.inference.quantise import quantised
from evfi.samples.sample import Image, Sample

Flow = NDArray[np.float32]
Step = tuple[Image, Image]


def tof(step: Step, true_step: Step, flow: Callable[[Image, Image], Flow]) -> float:
    """Mean over pixels of |d dx| + |d dy| between the flow of a step and that of the true step, in pixels.

    Source: TecoGAN (Chu et al. 2020), tOF, with DIS flow.
    """
    return float(np.abs(flow(*step) - flow(*true_step)).sum(axis=2).mean())


def flicker(step: Step, true_step: Step) -> float:
    """Mean absolute difference between a step's change and the true change, in 8-bit levels."""
    changes = [after.astype(np.int16) - before for before, after in (step, true_step)]
    return float(np.abs(changes[0] - changes[1]).mean())


@dataclass(frozen=True, eq=False, slots=True)
class _Target:
    row: Any
    sample: Sample
    answers: Sequence[Answer]


@dataclass(eq=False)
class TemporalRuler:
    """Takes targets in the order of the index, and measures a group when the next one begins. For one thread."""

    options: EvaluationOptions
    _waiting: list[_Target] = field(default_factory=list)
    _key: tuple[object, ...] = ()

    @property
    def is_asked(self) -> bool:
        """Whether any temporal metric is measured."""
        return bool(TEMPORAL_METRICS & {*self.options.metrics})

    def add(
        self, row: Any, key: tuple[object, ...], sample: Sample, answers: Sequence[Answer]
    ) -> Iterator[tuple[Any, Measurement]]:
        """Keep one target; the figures of the group before it with their rows, if it is complete. `key`: the group."""
        if not self.is_asked:
            return
        if key != self._key:
            yield from self.rest()
            self._key = key
        self._waiting.append(_Target(row, sample, answers))

    def rest(self) -> Iterator[tuple[Any, Measurement]]:
        """The figures of the group that waits."""
        targets = sorted(self._waiting, key=lambda target: target.sample.t_us)
        self._waiting = []
        if not targets:
            return
        group = _Group(targets)
        asked = [metric for metric in self.options.metrics if metric in TEMPORAL_METRICS]
        for place, answer in enumerate(targets[0].answers):
            frames = [_shown(target.answers[place]) for target in targets]
            for number, target in enumerate(targets):
                for metric in asked:
                    yield target.row, group.figure(metric, answer.method.name, number, frames)


class _Group:
    def __init__(self, targets: Sequence[_Target]) -> None:
        self._first, self._last = targets[0].sample.frame0, targets[0].sample.frame1
        self._truth = [target.sample.target for target in targets]
        self._true_flows: dict[int, Flow] = {}

    def figure(self, metric: str, method: str, number: int, frames: Sequence[Image | None]) -> Measurement:
        """One figure of one target of one method, whose frames of the whole group are given."""
        series, truth = ([self._first, *images, self._last] for images in (frames, self._truth))
        values = []
        for place in (number, number + 1):
            ours, true = series[place : place + 2], truth[place : place + 2]
            if any(image is None for image in true):
                return Measurement(method, metric, float("nan"), "no true frame")
            if any(image is None for image in ours):
                return Measurement(method, metric, float("nan"), "a neighbouring frame is not predicted")
            values.append(self._step(metric, place, (ours[0], ours[1]), (true[0], true[1])))  # pyright: ignore
        return Measurement(method, metric, float(np.mean(values)), "")

    def _step(self, metric: str, place: int, ours: Step, true: Step) -> float:
        if metric == "flicker":
            return flicker(ours, true)

        def flow(before: Image, after: Image) -> Flow:
            # a new one each time: on frames of some 40 pixels OpenCV's result depends on what it computed before
            if before is not true[0] or after is not true[1]:
                return DisFlow()(before, after)
            if place not in self._true_flows:
                self._true_flows[place] = DisFlow()(before, after)
            return self._true_flows[place]

        return tof(ours, true, flow)


def _shown(answer: Answer) -> Image | None:
    return None if answer.frame is None else quantised(answer.frame)

"""What is compared: methods, and their answers to samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evfi.inference.predictor import Predictor
from evfi.samples.sample import Sample


@dataclass(frozen=True, slots=True)
class Method:
    """One line of every table: a baseline (family None), a family's final frame, or one of its intermediates."""

    name: str
    label: str
    family: str | None = None
    is_intermediate: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """A frame float32 (H, W, 3) in [0, 1]; `note` says where a method could not do what it is named for."""

    method: Method
    frame: NDArray[np.float32]
    note: str = ""


class Contestant(Protocol):
    """Anything that answers samples: the baselines, a network, later other people's results."""

    def answers(self, samples: Sequence[Sample]) -> list[tuple[Answer, ...]]:
        """For each sample, an answer per method, always in the same order."""
        ...


class FamilyContestant:
    """A trained network: its final frame (named after the family) and the intermediates that it joins.

    Args:
        predictor: the network.
        variants: the same weights predicting in other ways, by name; each adds its final frame.
    """

    def __init__(self, predictor: Predictor, variants: Mapping[str, Predictor] | None = None) -> None:
        self._predictor = predictor
        self._variants = variants or {}
        self.family = predictor.family

    def answers(self, samples: Sequence[Sample]) -> list[tuple[Answer, ...]]:
        final = Method(name=self.family, label=self._predictor.label, family=self.family)
        others = [
            [Answer(self._part(name), prediction.frame) for prediction in predictor.predict(samples)]
            for name, predictor in self._variants.items()
        ]
        return [
            (
                Answer(final, prediction.frame),
                *(answers[number] for answers in others),
                *(Answer(self._part(name), frame) for name, frame in prediction.intermediates.items()),
            )
            for number, prediction in enumerate(self._predictor.predict(samples))
        ]

    def _part(self, name: str) -> Method:
        return Method(f"{self.family}/{name}", f"{self._predictor.label}: {name}", self.family, is_intermediate=True)

"""What is compared: methods, and their answers to samples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evfi.evaluation.protocols import NOT_PREDICTED
from evfi.inference.predictor import Prediction, Predictor
from evfi.samples.needs import Needs
from evfi.samples.sample import Sample


@dataclass(frozen=True, slots=True)
class Method:
    """One line of every table: a baseline (family None), a family's final frame, or one of its intermediates."""

    name: str
    label: str
    family: str | None = None
    is_intermediate: bool = False


def method_entry(method: Method) -> dict[str, Any]:
    """A method as the documents of an evaluation list it; `of`: the family whose part it is."""
    return {**asdict(method), "of": method.family if method.is_intermediate else None}


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """A frame float32 (H, W, 3) in [0, 1], or None where the method cannot predict this target.

    `note` says why, or where a method could not do what it is named for.
    """

    method: Method
    frame: NDArray[np.float32] | None
    note: str = ""


class Contestant(Protocol):
    """Anything that answers samples: the baselines, a network, later other people's results."""

    @property
    def needs(self) -> Needs:
        """What its samples must bring beside boundary frames and events."""
        ...

    @property
    def side_by_side(self) -> bool:
        """Several threads may ask it at once."""
        ...

    def answers(self, samples: Sequence[Sample]) -> list[tuple[Answer, ...]]:
        """For each sample, an answer per method, always in the same order."""
        ...


class FamilyContestant:
    """A trained network: its final frame (named after the family) and the intermediates that it joins.

    Args:
        predictor: the network.
        variants: the same weights predicting in other ways, by name; each adds its final frame.
        name: what it is called, where not after its family.
    """

    def __init__(
        self, predictor: Predictor, variants: Mapping[str, Predictor] | None = None, name: str | None = None
    ) -> None:
        self._predictor = predictor
        self._variants = variants or {}
        self.family = name or predictor.family
        self._label = name or predictor.label
        self._final = Method(name=self.family, label=self._label, family=self.family)

    @property
    def needs(self) -> Needs:
        """What the family declares."""
        return self._predictor.needs

    @property
    def side_by_side(self) -> bool:
        """A network's forward pass leaves nothing behind."""
        return True

    def answers(self, samples: Sequence[Sample]) -> list[tuple[Answer, ...]]:
        """Predictions; where a sample does not meet the family's needs, answers without a frame that say so."""
        shortfalls = [self.needs.shortfall(sample.times) for sample in samples]
        able = [sample for sample, shortfall in zip(samples, shortfalls, strict=True) if not shortfall]
        others = [
            [Answer(self._part(name), prediction.frame) for prediction in predictor.predict(able)]
            for name, predictor in self._variants.items()
        ]
        given = (
            self._given(prediction, [answers[number] for answers in others])
            for number, prediction in enumerate(self._predictor.predict(able))
        )
        return [self._declined(shortfall) if shortfall else next(given) for shortfall in shortfalls]

    def _given(self, prediction: Prediction, others: Sequence[Answer]) -> tuple[Answer, ...]:
        parts = prediction.intermediates.items()
        return (
            Answer(self._final, prediction.frame),
            *others,
            *(Answer(self._part(name), frame) for name, frame in parts),
        )

    def _declined(self, shortfall: str) -> tuple[Answer, ...]:
        parts = (*self._variants, *self._predictor.intermediates)
        methods = (self._final, *(self._part(name) for name in parts))
        return tuple(Answer(method, None, f"{NOT_PREDICTED}: {shortfall}") for method in methods)

    def _part(self, name: str) -> Method:
        return Method(f"{self.family}/{name}", f"{self._label}: {name}", self.family, is_intermediate=True)

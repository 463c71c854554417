import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from evfi.errors import EvfiError
from evfi.models.batch import Batch
from evfi.models.implementation import StageLoss, StageObjective
from evfi.training.ahead import with_beforehand

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Numbers(Batch):
    values: Tensor


class Doubling(StageObjective):
    """Doubles a batch beforehand, and notes where."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []
        self.calls: list[float] = []

    def beforehand(self, inputs: Numbers) -> Tensor:
        self.threads.append(threading.get_ident())
        self.calls.append(float(inputs.values.flatten()[0]))
        return inputs.values @ inputs.values.T if torch.is_autocast_enabled("cpu") else inputs.values * 2

    def forward(self, inputs: Any, beforehand: Any = None) -> StageLoss:
        raise NotImplementedError


def numbered(count: int) -> Iterator[Numbers]:
    for number in range(count):
        yield Numbers(torch.tensor([float(number)]))


def steps(batches: Iterable[Numbers], precision: str = "fp32") -> Generator[tuple[Any, Any], None, None]:
    yield from with_beforehand(batches, Doubling(), device=CPU, precision=precision, threads=1)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_every_batch_comes_once_in_order_with_what_belongs_to_it(count: int) -> None:
    found = [(float(batch.values), float(known)) for batch, known in steps(numbered(count))]
    assert found == [(number, 2 * number) for number in range(count)]


def test_the_next_batches_are_computed_in_another_thread_and_only_a_few_ahead() -> None:
    objective = Doubling()
    pairs = with_beforehand(numbered(9), objective, device=CPU, precision="fp32", threads=1)
    next(pairs)
    next(pairs)
    assert max(objective.calls) <= 4
    pairs.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert set(objective.threads).isdisjoint({threading.get_ident()})
    assert len(set(objective.threads)) == 1


def test_the_precision_of_the_recipe_holds_in_the_second_thread() -> None:
    ((_, known),) = steps([Numbers(torch.ones(2, 2))], precision="bf16")
    assert known.dtype == torch.bfloat16


def test_an_error_of_the_batches_ends_the_steps_and_drops_what_is_ahead() -> None:
    def broken() -> Iterator[Numbers]:
        yield from numbered(6)
        raise EvfiError("a sample is gone")

    seen: list[float] = []

    def all_steps() -> None:
        seen.extend(float(batch.values) for batch, _ in steps(broken()))

    with pytest.raises(EvfiError, match="a sample is gone"):
        all_steps()
    assert seen == [0, 1, 2, 3]

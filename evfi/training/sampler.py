"""Which sample, and which random numbers, belong to draw number k. Workers, ranks and resumes cannot change either."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from evfi.errors import UserError
from evfi.provenance import item_seed
from evfi.training.ranks import ALONE, Ranks


class Draws:
    """The endless sequence of training samples: each epoch runs through all of them in a new random order.

    Draw k, counted over the whole stage, is a pure function of the seed and k; a batch may cross an epoch's end.

    Args:
        positions: the samples to draw from (rows of the index).
        seed: the recipe's.
    """

    def __init__(self, positions: NDArray[np.intp], seed: int) -> None:
        if len(positions) == 0:
            raise UserError("there is no training sample to draw from: the index has no row of the split 'train'")
        self.positions, self.seed = positions, seed

    def position(self, draw: int) -> int:
        """The sample of a draw."""
        epoch, place = divmod(draw, len(self.positions))
        return int(self.positions[_order(self.seed, epoch, len(self.positions))[place]])

    def epoch(self, draw: int) -> int:
        """Which pass over the samples a draw belongs to, from 0."""
        return draw // len(self.positions)

    def generator(self, draw: int) -> np.random.Generator:
        """The random numbers of a draw, for its augmentation."""
        return np.random.default_rng(item_seed(self.seed, "draw", draw))


class DrawsApart(Draws):
    """Draws of which each step takes samples of one group only, such as frames of one size, which fit into one batch.

    A round takes each group's batches in turn, in a random order; what does not fill a group's last batch is filled up
    from its next epoch.

    Args:
        groups: the samples to draw from, group by group.
        seed, batch_size: the recipe's.
    """

    def __init__(self, groups: Sequence[NDArray[np.intp]], seed: int, batch_size: int) -> None:
        super().__init__(np.concatenate(groups), seed)
        self.batch_size = batch_size
        self._groups = [Draws(group, item_seed(seed, "group", number)) for number, group in enumerate(groups)]
        self._turns = np.repeat(np.arange(len(groups)), [-(-len(group) // batch_size) for group in groups])

    def position(self, draw: int) -> int:
        """The sample of a draw."""
        step, place = divmod(draw, self.batch_size)
        rounds, turn = divmod(step, len(self._turns))
        turns = self._turns[_order(item_seed(self.seed, "turns"), rounds, len(self._turns))]
        group = int(turns[turn])
        batches_before = rounds * int((turns == group).sum()) + int((turns[:turn] == group).sum())
        return self._groups[group].position(batches_before * self.batch_size + place)


class StepBatches(Sampler[list[int]]):
    """Draw numbers of the steps [start, end): step s takes the draws [s * batch, (s + 1) * batch), a rank its part."""

    def __init__(self, start: int, end: int, batch_size: int, ranks: Ranks = ALONE) -> None:
        self.start, self.end, self.batch_size, self.ranks = start, end, batch_size, ranks

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.end):
            yield self.ranks.part(draws_of_step(step, self.batch_size))

    def __len__(self) -> int:
        return self.end - self.start


def draws_of_step(step: int, batch_size: int) -> list[int]:
    """Draw numbers of one step, which are counted from 0 like steps."""
    return list(range(step * batch_size, (step + 1) * batch_size))


@lru_cache(maxsize=8)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng(item_seed(seed, "epoch", epoch)).permutation(count)

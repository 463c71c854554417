"""Training batches and validation samples from a sample index."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from evfi.errors import EvfiError, UserError
from evfi.models.batch import Batch
from evfi.models.family import Family, ModelOptions, Recipe
from evfi.samples.augment import augment
from evfi.samples.online import OnlineSimulation
from evfi.samples.reader import SampleReader
from evfi.samples.sample import Sample
from evfi.samples.tails import without_tails
from evfi.training.options import Runtime
from evfi.training.ranks import ALONE, Ranks
from evfi.training.sampler import Draws, DrawsApart, StepBatches, draws_of_step

_PREFETCHED = 4


@dataclass(frozen=True, eq=False)
class DrawnSamples(Dataset[Batch | EvfiError]):
    """Maps a draw number to a family's inputs: read, augmented, prepared. Sent to the loader's workers whole."""

    reader: SampleReader
    draws: Draws
    recipe: Recipe
    family: Family

    def __getitem__(self, draw: int) -> Batch | EvfiError:
        try:
            sample = self.reader.at(self.draws.position(draw), self._online(draw))
            step = draw // self.recipe.batch_size
            changed = augment(sample, self.recipe.augment, self.draws.generator(draw), step=step)
            return self.family.prepare(changed)
        except EvfiError as error:
            return error

    def _online(self, draw: int) -> OnlineSimulation | None:
        options = self.recipe.online_simulation
        return options and OnlineSimulation.of_epoch(options, self.recipe.seed, self.draws.epoch(draw))


@dataclass(frozen=True)
class Collation:
    """Prepared samples to a batch. An expected error travels as a value: torch would wrap it in a traceback."""

    family: Family

    def __call__(self, items: list[Batch | EvfiError]) -> Batch | EvfiError:
        errors = [item for item in items if isinstance(item, EvfiError)]
        if errors:
            return errors[0]
        try:
            return self.family.collate([item for item in items if isinstance(item, Batch)])
        except EvfiError as error:
            return error


class StageData:
    """The training and validation samples of a stage: the rows of the index that give the family what it needs.

    Attributes:
        left_out: how many training rows do not give what the family needs (such as frames at even distances).

    Raises:
        MissingInputError, InputFileError: the index is absent or not one.
        UserError: it has no training rows, or none that the family can use.
    """

    def __init__(self, index: Path, family: Family, recipe: Recipe, options: ModelOptions | None = None) -> None:
        self.family, self.recipe = family, recipe
        self.reader = SampleReader(index, needs=recipe.needs(family.needs_of(options)))
        train = self._of_split("train")
        if recipe.datasets and not len(train):
            raise UserError(
                f"there is nothing to train on: {index} has no row of the split 'train' in the data sets "
                f"{', '.join(recipe.datasets)}, which the recipe's datasets names"
            )
        self.training = self.reader.suitable(train)
        self.left_out = len(train) - len(self.training)
        if len(train) and not len(self.training):
            raise UserError(
                f"none of the {len(train)} training rows of {index} gives {family.name} the frames it needs "
                f"({self.reader.needs}): add the skip 1 to samples.septuplet_train_skips and recording_train_skips; a "
                "recording must have as many frames in a row, at even distances"
            )
        held_out = self.reader.suitable(self._of_split("validation"))
        if recipe.validation_tail:
            self.training, tails = without_tails(self.reader, self.training, recipe.validation_tail)
            held_out = np.concatenate((held_out, tails))
        self.validation = evenly(held_out, recipe.validation_samples)
        groups = [] if recipe.augment.crops else self.reader.by_size(self.training)
        apart = len(groups) > 1
        self.draws = DrawsApart(groups, recipe.seed, recipe.batch_size) if apart else Draws(self.training, recipe.seed)

    def _of_split(self, split: str) -> NDArray[np.intp]:
        """The rows of a split in the recipe's data sets."""

        def wanted(rows: pd.DataFrame) -> Any:
            named = rows["dataset"].isin(self.recipe.datasets) if self.recipe.datasets else True
            return (rows["split"] == split) & named

        return self.reader.rows.where(["split", "dataset"], wanted)

    def batches(self, start: int, end: int, runtime: Runtime, ranks: Ranks = ALONE) -> Iterator[Batch]:
        """This rank's part of the batches of the steps [start, end), the same whatever the runtime.

        Raises:
            EvfiError: a sample cannot be read, or a worker died.
        """
        loader = self._loader(start, end, runtime, ranks)
        try:
            for batch in loader:
                if isinstance(batch, EvfiError):
                    raise batch
                yield batch
        except EvfiError:
            raise
        except (RuntimeError, ConnectionError, EOFError, FileNotFoundError) as error:
            if runtime.workers == 0 or not _tells_of_a_dead_worker(error):
                raise
            raise EvfiError(
                f"a process that prepares samples died ({error}); was memory short? Run the same command again: it "
                "goes on from the last checkpoint"
            ) from error

    def _loader(self, start: int, end: int, runtime: Runtime, ranks: Ranks) -> "DataLoader[Batch | EvfiError]":
        workers = runtime.workers
        return DataLoader(
            DrawnSamples(self.reader, self.draws, self.recipe, self.family),
            batch_sampler=StepBatches(start, end, self.recipe.batch_size, ranks),
            collate_fn=Collation(self.family),
            num_workers=workers,
            # OpenMP, OpenCV and zarr threads do not survive fork.
            multiprocessing_context="forkserver" if workers else None,
            prefetch_factor=_PREFETCHED if workers else None,
            worker_init_fn=_serve_the_trainer if workers else None,
            pin_memory=torch.device(runtime.device).type == "cuda",
            # Without its own generator the loader would take a number from the global one at each start.
            generator=torch.Generator(),
        )

    def validation_samples(self) -> Iterator[tuple[Sample, Batch]]:
        """Whole validation frames, one a batch, always in the same order."""
        for position in self.validation:
            sample = self.reader.at(int(position))
            yield sample, self.family.collate([self.family.prepare(sample)])

    def ids_of_step(self, step: int) -> list[str]:
        """The sample ids that step takes, for messages."""
        draws = draws_of_step(step, self.recipe.batch_size)
        return [str(self.reader.rows[self.draws.position(draw)].sample_id) for draw in draws]


def evenly(positions: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """At most `count` of the positions, spread over all of them."""
    if len(positions) <= count:
        return positions
    return positions[(np.arange(count) * len(positions)) // max(count, 1)]


def _tells_of_a_dead_worker(error: Exception) -> bool:
    """torch says so itself, or its batch, which still lay in the worker's memory, can no longer be fetched."""
    return isinstance(error, OSError | EOFError) or str(error).startswith("DataLoader worker")


def _serve_the_trainer(_worker: int) -> None:
    """What a worker does first: leave signals to the trainer, and never outlive it."""
    # A terminal or Slurm sends them to all processes; a worker that died first would look like a crash.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # torch's own watch looks at the parent, which is the fork server here; server and worker keep each other alive.
    threading.Thread(target=_end_with_the_trainer, daemon=True).start()


def _end_with_the_trainer() -> None:
    trainer = multiprocessing.parent_process()
    if trainer is not None:
        trainer.join()
        os._exit(1)

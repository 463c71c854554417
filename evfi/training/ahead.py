"""What the next batches give before their steps, computed in a second thread while a step runs."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from evfi.io.ahead import mapped_ahead
from evfi.models.batch import Batch
from evfi.models.implementation import StageObjective
from evfi.nn.precision import autocast


def with_beforehand(
    batches: Iterable[Batch], objective: StageObjective, *, device: torch.device, precision: str, threads: int
) -> Iterator[tuple[Batch, Any]]:
    """Each batch on the device, and `objective.beforehand` of it, a few batches ahead of the step that takes it.

    The values are those of `objective.beforehand(batch)` called in turn: it draws no random numbers, and the modules
    that it runs stay as they are. Each of the two threads has `threads` intra-op threads.

    Raises:
        EvfiError: as `batches` does.
    """

    def known(batch: Batch) -> tuple[Batch, Any]:
        moved = batch.to(device)
        with autocast(device, precision):  # it holds in the thread that enters it
            return moved, objective.beforehand(moved)

    with ThreadPoolExecutor(1, "beforehand", torch.set_num_threads, (threads,)) as pool:
        yield from mapped_ahead(known, iter(batches), pool, 1)

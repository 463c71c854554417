"""What the next batch gives before its step, computed in a second thread while a step runs."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from evfi.models.batch import Batch
from evfi.models.implementation import StageObjective
from evfi.nn.precision import autocast


def with_beforehand(
    batches: Iterable[Batch], objective: StageObjective, *, device: torch.device, precision: str, threads: int
) -> Iterator[tuple[Batch, Any]]:
    """Each batch on the device, and `objective.beforehand` of it, one batch ahead of the step that takes it.

    The values are those of `objective.beforehand(batch)` called in turn: it draws no random numbers, and the modules
    that it runs stay as they are. Each of the two threads has `threads` intra-op threads.

    Raises:
        EvfiError: as `batches` does.
    """

    def known(batch: Batch) -> tuple[Batch, Any]:
        moved = batch.to(device)
        with autocast(device, precision):  # it holds in the thread that enters it
            return moved, objective.beforehand(moved)

    waiting: deque[Future[tuple[Batch, Any]]] = deque()
    with ThreadPoolExecutor(1, "beforehand", torch.set_num_threads, (threads,)) as pool:
        for batch in batches:
            waiting.append(pool.submit(known, batch))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

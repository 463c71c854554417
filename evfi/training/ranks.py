"""Several processes that train one stage together: each takes its part of every batch, gradients are averaged.

gloo between CPUs, NCCL between GPUs. A process that is one of several is told so by its environment: by `evfi train
--ranks` (evfi/training/launch.py), or by Slurm's srun.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from evfi.errors import UserError
from evfi.models.implementation import StageObjective
from evfi.training.launch import FAMILY_OF_RANKS, LOST_RANK, RANK, RENDEZVOUS, LostRankError

Item = TypeVar("Item")
# Longer than any validation, for which the others wait; a rank that died is noticed at once.
_TIMEOUT = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process is number `rank` of `count`; the first alone writes."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes what there is to write."""
        return self.rank == 0

    def part(self, items: list[Item]) -> list[Item]:
        """This rank's part of a batch: neighbours, as many as the others have, or one more or less."""
        return items[self.rank * len(items) // self.count : (self.rank + 1) * len(items) // self.count]

    def weight(self, whole: int) -> float:
        """What the mean over this rank's part of `whole` samples counts in the mean over the ranks; 1 where they share
        evenly.
        """
        return len(self.part(list(range(whole)))) * self.count / whole

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over the ranks."""
        if self.count == 1:
            return values
        distributed.all_reduce(values)
        return values / self.count

    def any(self, flag: bool) -> bool:
        """Whether any rank says so."""
        return flag if self.count == 1 else bool(self.mean(torch.tensor(float(flag))) > 0)

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.count > 1:
            distributed.barrier()

    def shared(self, objective: StageObjective) -> nn.Module:
        """The objective, whose gradients are the means over the ranks.

        All must give it batches at the same time. No buffer is kept in step: BatchNorm's, the only ones that a step
        changes, are SyncBatchNorm's here.
        """
        if self.count == 1:
            return objective
        return DistributedDataParallel(objective, forward_sync_buffers=False)


ALONE = Ranks()


def ranks_told(count: int, environment: Mapping[str, str] = os.environ) -> int | None:
    """Which of `count` ranks this process is; None: nobody said so, and they have to be started."""
    if RANK in environment:
        return int(environment[RANK])
    if count > 1 and environment.get("SLURM_STEP_NUM_TASKS") == str(count):
        return int(environment["SLURM_PROCID"])
    return None


@contextmanager
def joined(rank: int, count: int, device: str, state: Path) -> Iterator[Ranks]:
    """Meet the other ranks; a lost one of them becomes a LostRankError.

    Args:
        device: cuda takes a GPU of this machine for each rank.
        state: where ranks on several machines meet, if nobody else said where.
    """
    meeting = os.environ.get(RENDEZVOUS)
    if meeting is None:
        meeting = _meeting_of_slurm(state)
    else:
        threading.Thread(target=_end_with_the_launcher, daemon=True).start()
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    cuda = torch.device(device).type == "cuda"
    if cuda:
        torch.cuda.set_device(torch.device(device))
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    if rank > 0:  # the first one says it for all
        logging.getLogger("evfi").setLevel(logging.ERROR)
    distributed.init_process_group(backend, init_method=meeting, rank=rank, world_size=count, timeout=_TIMEOUT)
    try:
        yield Ranks(rank, count)
    except RuntimeError as error:
        if not _tells_of_a_lost_rank(error):
            raise
        raise LostRankError(f"rank {rank} of {count} stops, because another one ended") from error
    finally:
        distributed.destroy_process_group()


def device_of_rank(device: str, rank: int) -> str:
    """The GPU of a rank where only "cuda" is asked for; any other device as it is."""
    if device != "cuda":
        return device
    local = int(os.environ.get("SLURM_LOCALID", rank)) if RANK not in os.environ else rank
    return f"cuda:{local % max(1, torch.cuda.device_count())}"


def check_ranks(count: int, batch_size: int, model: nn.Module, modules: Sequence[str], device: str) -> None:
    """Refuse what several ranks cannot train.

    Args:
        modules: the submodules that are trained; the norms of the others keep their statistics anyway.

    Raises:
        UserError: some rank would have no sample, or BatchNorm is trained on CPUs, where torch cannot share statistics.
    """
    if count > batch_size:
        raise UserError(f"{count} ranks cannot share a batch of {batch_size}: give at most as many ranks as batch_size")
    if count > 1 and torch.device(device).type == "cpu" and _has_batch_norm(model, modules):
        raise UserError(
            f"BatchNorm cannot take its statistics over {count} ranks on CPUs: train the model with norm=group, or "
            "with one rank"
        )


def with_shared_norms(model: nn.Module, modules: Sequence[str], ranks: Ranks) -> nn.Module:
    """The model, whose BatchNorms take their statistics over all ranks' samples (SyncBatchNorm, on GPUs only)."""
    if ranks.count == 1 or not _has_batch_norm(model, modules):
        return model
    return nn.SyncBatchNorm.convert_sync_batchnorm(model)


def _has_batch_norm(model: nn.Module, modules: Sequence[str]) -> bool:
    trained = (each for module in modules for each in model.get_submodule(module).modules())
    return any(isinstance(each, nn.BatchNorm2d) for each in trained)


def _meeting_of_slurm(state: Path) -> str:
    state.mkdir(parents=True, exist_ok=True)
    step = [os.environ.get(f"SLURM_{name}", "0") for name in ("JOB_ID", "STEP_ID", "RESTART_COUNT")]
    return f"file://{state.resolve()}/{FAMILY_OF_RANKS}-{'-'.join(step)}"


def _end_with_the_launcher() -> None:
    """The launcher holds the other end of standard input and writes nothing: it ends when the launcher does."""
    os.read(0, 1)
    os._exit(LOST_RANK)


def _tells_of_a_lost_rank(error: RuntimeError) -> bool:
    return isinstance(error, distributed.DistError) or "gloo" in str(error)

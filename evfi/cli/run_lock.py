"""The lock that all jobs of one Snakemake run share (taken by scripts/run_snakemake.py)."""

import fcntl
import os
from pathlib import Path

from evfi.errors import UserError


def share_run_lock() -> int | None:
    """Hold the run's lock until this process ends; returns its descriptor, or None outside of such a run.

    Raises:
        UserError: the run that started this job is over, and another one has begun.
    """
    path, owner = os.environ.get("EVFI_RUN_LOCK"), os.environ.get("EVFI_RUN_OWNER")
    if not path or not owner or not Path(path).exists():
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    current = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    if current != owner:
        os.close(descriptor)
        raise UserError(f"the run that started this job (process {owner}) is over: leaving the work to {path}'s owner")
    return descriptor

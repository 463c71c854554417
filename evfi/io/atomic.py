"""Writing without half-written results: `<name>.partial` first, renamed last, under an exclusive `<name>.lock`."""

import errno
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evfi.errors import EvfiError, OutputError

log = logging.getLogger(__name__)
_POLL_S = 0.2
_REMIND_S = 10.0


@contextmanager
def writing(output: Path) -> Iterator[Path]:
    """Yield `<output>.partial`; on success it becomes `output` (file or folder, replacing an old one).

    The lock `<output>.lock` is held throughout, so two processes never write one output: the second waits and says
    so. On any error the partial output is removed and the old output, if any, is untouched.

    Raises:
        OutputError: the place cannot be written, or the disk is full.
    """
    with locked(output):
        partial = output.with_name(output.name + ".partial")
        try:
            _remove(partial)
            yield partial
            _replace(partial, output)
        except EvfiError:
            _remove(partial)
            raise
        except OSError as error:
            _remove(partial)
            raise _explained(error, output) from error
        except BaseException:
            _remove(partial)
            raise


@contextmanager
def writing_in_folder(output: Path) -> Iterator[Path]:
    """As `writing`, for a file that needs its own name, or other files beside it, while it is made.

    Yields a new folder, `<output>.partial`; on success the file in it that is called as `output` becomes `output`.
    """
    with writing(output) as partial:
        partial.mkdir()
        yield partial
        finished = partial.with_name(partial.name + ".done")
        (partial / output.name).rename(finished)
        shutil.rmtree(partial)
        finished.rename(partial)


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Hold `<output>.lock` (flock, gone with the process). Waits while another process holds it."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(output.with_name(output.name + ".lock"))
    except OSError as error:
        raise _explained(error, output) from error
    try:
        yield
    finally:
        output.with_name(output.name + ".lock").unlink(missing_ok=True)
        os.close(descriptor)


def is_locked(output: Path) -> bool:
    """Whether a process is writing `output` (a lock file that a killed one left behind does not count)."""
    try:
        descriptor = os.open(output.with_name(output.name + ".lock"), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _acquire(path: Path) -> int:
    said = -_REMIND_S
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() - said >= _REMIND_S:
                owner = os.read(descriptor, 32).decode(errors="replace").strip() or "?"
                log.warning("process %s is writing %s; waiting for it", owner, path.with_suffix(""))
                said = time.monotonic()
            os.close(descriptor)
            time.sleep(_POLL_S)
            continue
        if _is_current(descriptor, path):
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Whether the file that was locked is still the one that the path names (its owner unlinks it at the end)."""
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _replace(partial: Path, output: Path) -> None:
    if output.is_dir() and not output.is_symlink():
        old = output.with_name(output.name + ".old")
        _remove(old)
        output.rename(old)
        partial.rename(output)
        _remove(old)
    else:
        partial.replace(output)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _explained(error: OSError, output: Path) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"no space left on the disk while writing {output}: free some space and run it again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"cannot write {output} ({error.strerror}): choose a place that you may write to")
    return OutputError(f"cannot write {output}: {error}")

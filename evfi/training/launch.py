"""The ranks of a training on one machine: started, told of signals, and waited for by the verb itself.

torchrun is not used: it turns every exit code of a rank into 1, and 75 (time budget used up) must stay 75.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from evfi.errors import EvfiError, TimeBudgetUsed

RANK, RENDEZVOUS = "EVFI_RANK", "EVFI_RENDEZVOUS"
FAMILY_OF_RANKS = "ranks"
LOST_RANK = 79
"""Between rank and launcher only: this rank stopped because another one did."""
_PROGRAM = "import sys; sys.argv[0] = 'evfi'; from evfi.cli.app import main; main()"
_POLL_S, _GRACE_S = 0.05, 10.0
_INTERRUPTED = 130
# Of ranks that disagree, the one that says most of what happened.
_MOST_TELLING = (70, 2, 1, _INTERRUPTED, TimeBudgetUsed.exit_code)


class LostRankError(EvfiError, ConnectionError):
    """Another rank ended before its work was done."""

    exit_code = LOST_RANK


def launched(arguments: Sequence[str], count: int) -> int:
    """Run `evfi ARGUMENTS` as `count` ranks; their agreed exit code.

    A rank that fails takes the others with it. SIGTERM and SIGINT reach all of them.

    Raises:
        EvfiError: one was killed.
    """
    with tempfile.TemporaryDirectory(prefix="evfi-ranks-") as folder:
        meeting = f"file://{Path(folder).resolve()}/{FAMILY_OF_RANKS}"
        ranks = [
            subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *arguments],
                stdin=subprocess.PIPE,  # its end tells a rank that this process is gone
                env={**os.environ, RANK: str(rank), RENDEZVOUS: meeting},
                process_group=0,  # a terminal's Ctrl-C comes once, from here
            )
            for rank in range(count)
        ]
        try:
            with _forwarded(ranks):
                killed = _waited(ranks)
        finally:
            for process in ranks:
                process.kill()
                process.wait()
                if process.stdin is not None:
                    process.stdin.close()
    if killed is not None:
        rank, number = killed
        raise EvfiError(
            f"rank {rank} of {count} was ended by {signal.Signals(number).name}; was memory short? Run the same "
            "command again: it goes on from the last checkpoint"
        )
    return agreed([process.returncode for process in ranks])


def agreed(codes: Sequence[int]) -> int:
    """One exit code for all ranks: theirs if they agree, else that of the rank that says what happened."""
    if not any(codes):
        return 0
    return next((code for code in _MOST_TELLING if code in codes), EvfiError.exit_code)


def _waited(ranks: Sequence["subprocess.Popen[bytes]"]) -> tuple[int, int] | None:
    """Until all have ended; the rank that a signal killed first, and which. The rest of a failed run is ended."""
    killed: tuple[int, int] | None = None
    failed_at: float | None = None
    while any(process.poll() is None for process in ranks):
        codes = [process.poll() for process in ranks]
        if failed_at is None and any(code not in (None, 0, _INTERRUPTED, TimeBudgetUsed.exit_code) for code in codes):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > _GRACE_S:
            break
        killed = killed or _killed(codes)
        time.sleep(_POLL_S)
    return killed or _killed([process.poll() for process in ranks])


def _killed(codes: Sequence[int | None]) -> tuple[int, int] | None:
    return next(((rank, -code) for rank, code in enumerate(codes) if code is not None and code < 0), None)


@contextmanager
def _forwarded(ranks: Sequence["subprocess.Popen[bytes]"]) -> Iterator[None]:
    """SIGTERM and SIGINT go to the ranks, which save and end by themselves."""

    def forward(number: int, _frame: FrameType | None) -> None:
        for process in ranks:
            if process.poll() is None:
                process.send_signal(number)

    before: dict[signal.Signals, Any] = {each: signal.signal(each, forward) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

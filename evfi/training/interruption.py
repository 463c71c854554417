"""SIGTERM and SIGINT become a wish to stop, which the loop grants after the running step."""

import logging
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from evfi.errors import TimeBudgetUsed

log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Context in which signals, and the end of a time budget, are noted instead of ending the process.

    A second signal of a kind acts as it did before the context.

    Args:
        max_seconds: budget from now on; None = unlimited.
    """

    def __init__(self, max_seconds: float | None) -> None:
        self._deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self._signal: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def wanted(self) -> bool:
        """Whether to stop after this step."""
        return self._signal is not None or (self._deadline is not None and time.monotonic() >= self._deadline)

    def error(self, step: int, total: int) -> BaseException:
        """What to raise once the checkpoint is written."""
        if self._signal is signal.SIGINT:
            return KeyboardInterrupt()
        reason = "the time budget is used up" if self._signal is None else "SIGTERM arrived"
        return TimeBudgetUsed(f"{reason} at step {step} of {total}; run the same command again to go on from there")

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number)
        signal.signal(number, self._before[self._signal])
        log.warning("%s: saving a checkpoint after this step, then stopping", self._signal.name)

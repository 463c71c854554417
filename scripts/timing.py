"""What the bench scripts share: interleaved timing, and the line that says on which machine and how busy it was."""

import os
import platform
import statistics
import time
from collections.abc import Callable

PAIRS = 7


def print_machine() -> None:
    """Machine, date and load average: figures of a busy machine are upper bounds."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{time.strftime('%Y-%m-%d')}, {processor()}, {os.cpu_count()} cores, load average {load}", flush=True)


def processor() -> str:
    """The processor's name as Linux gives it."""
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def compare(
    label: str,
    fast: Callable[[], object],
    plain: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Time both by turns, print ratio (spread) and medians, and return the medians in seconds.

    clock: time.process_time (of one thread's work) leaves out what a busy machine gives to others.
    """
    fast()
    plain()
    pairs = [(seconds(fast, clock), seconds(plain, clock)) for _ in range(PAIRS)]
    ratios = sorted(slow / quick for quick, slow in pairs)
    quick = statistics.median(pair[0] for pair in pairs)
    slow = statistics.median(pair[1] for pair in pairs)
    print(
        f"{label}: {statistics.median(ratios):.2f}x (spread {ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"{quick * 1e3:.2f} ms against {slow * 1e3:.1f} ms",
        flush=True,
    )
    return quick, slow


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long one call takes."""
    start = clock()
    work()
    return clock() - start

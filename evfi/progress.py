"""Progress of long loops: a bar on a terminal, one log line every 10 s without one."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)
Item = TypeVar("Item")
_LOG_EVERY_S = 10.0


def tracked(
    items: Iterable[Item],
    *,
    total: int | None = None,
    label: str,
    unit: str = "it",
    size: Callable[[Item], int] | None = None,
    made: Callable[[], int] | None = None,
    made_unit: str = "",
) -> Iterator[Item]:
    """Yield the items and show how far the loop is.

    Args:
        total: how much there is, in `unit`; taken from `len(items)` where it has one.
        size: how many units an item is (default: one).
        made: how much the loop has made so far, shown as a rate in `made_unit` (such as events) per second.
    """
    if total is None and size is None and hasattr(items, "__len__"):
        total = len(items)  # pyright: ignore[reportArgumentType]
    shown = _on_terminal if sys.stderr.isatty() else _in_log
    start = time.monotonic()

    def note() -> str:
        seconds = time.monotonic() - start
        return "" if made is None or seconds <= 0 else f"{made() / seconds:,.0f} {made_unit}/s"

    yield from shown(items, total, label, unit, size or (lambda _: 1), note)


def _on_terminal(
    items: Iterable[Item],
    total: int | None,
    label: str,
    unit: str,
    size: Callable[[Item], int],
    note: Callable[[], str],
) -> Iterator[Item]:
    with tqdm(total=total, desc=label, unit=unit, dynamic_ncols=True) as bar:
        for item in items:
            yield item
            bar.set_postfix_str(note(), refresh=False)
            bar.update(size(item))


def _in_log(
    items: Iterable[Item],
    total: int | None,
    label: str,
    unit: str,
    size: Callable[[Item], int],
    note: Callable[[], str],
) -> Iterator[Item]:
    start = said = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += size(item)
        now = time.monotonic()
        if now - said >= _LOG_EVERY_S:
            of = f" of {total}" if total else ""
            rates = [f"{done / (now - start):.1f} {unit}/s", note()]
            log.info("%s: %d%s %s, %s", label, done, of, unit, ", ".join(rate for rate in rates if rate))
            said = now

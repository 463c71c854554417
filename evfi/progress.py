"""Progress of long loops: a bar on a terminal, one log line every 10 s without one."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)
Item = TypeVar("Item")
_LOG_EVERY_S = 10.0


def tracked(items: Iterable[Item], *, total: int | None = None, label: str, unit: str = "it") -> Iterator[Item]:
    """Yield the items and show how far the loop is (`total` is taken from `len(items)` where it has one)."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # pyright: ignore[reportArgumentType]
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=label, unit=unit, dynamic_ncols=True)
        return
    start = said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said >= _LOG_EVERY_S:
            of = f" of {total}" if total else ""
            log.info("%s: %d%s %s, %.1f %s/s", label, done, of, unit, done / (now - start), unit)
            said = now

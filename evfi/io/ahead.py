"""Work done ahead in threads, its results in order; at most a few items are ahead, so that memory stays constant."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD_A_THREAD = 2


def mapped_ahead(
    work: Callable[[Item], Result], items: Iterator[Item], pool: Executor, threads: int
) -> Iterator[Result]:
    """As `map(work, items)`, computed in the pool, up to 2 items a thread before they are asked for.

    What `work` raises is raised in its place of the order. A caller that stops early drops what is ahead.
    """
    ahead: deque[Future[Result]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > AHEAD_A_THREAD * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()

"""Values kept between uses, the least recently used dropped first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Value = TypeVar("Value")


class BoundedCache:
    """Least recently used values, bounded by their total size (of whatever `size` counts); the newest always stays."""

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """The value of a key, made on first use."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key][0]
        value = make()
        self._values[key] = (value, size(value))
        self.used += self._values[key][1]
        while self.used > self.limit and len(self._values) > 1:
            self.used -= self._values.popitem(last=False)[1][1]
        return value

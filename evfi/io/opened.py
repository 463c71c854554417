"""What all stores share when they are read: opening on first use, and finding one part of a shard."""

from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from evfi.io.stores import StoreKind, array_of, open_group, read_rows
from evfi.types import SensorSize


class OpenedStore:
    """A store for reading. Arrays are opened on first use; it can be sent to another process (only the path goes)."""

    kind: ClassVar[StoreKind]

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @classmethod
    def opened(cls, path: Path) -> Self:
        """The store at `path`, of which it is known that it is one.

        Raises:
            MissingInputError, InputFileError: nothing is there, or no store of this kind and version.
        """
        store = cls(path)
        _ = store.group
        return store

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path}

    @cached_property
    def group(self) -> zarr.Group:
        return open_group(self.path, self.kind)

    def array(self, name: str) -> zarr.Array:
        """An array of the store."""
        return array_of(self.group, name, self.path)

    def rows(self, name: str, first: int = 0, end: int | None = None) -> NDArray:
        """Rows [first, end) of an array, decoded."""
        return read_rows(self.array(name), first, end)


class ShardStore(OpenedStore):
    """A store of many parts (clips, scenes), numbered from 0; a column of the group `parts` has a value for each."""

    parts: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    """height, width, seed and others; x_offset: where a part's rows of x begin, and one more for their end."""

    @cached_property
    def ids(self) -> list[str]:
        """Names such as "00001/0001", in the order of the list that they come from."""
        return list(self.group[self.parts].attrs["ids"])  # pyright: ignore[reportArgumentType]

    def __len__(self) -> int:
        return len(self.ids)

    def sensor_size(self, number: int) -> SensorSize:
        """Height and width of a part's frames and events."""
        return SensorSize(height=int(self.column("height", number)), width=int(self.column("width", number)))

    def seed(self, number: int) -> int:
        """The seed that everything random about a part follows from."""
        return int(self.column("seed", number))

    def column(self, name: str, number: int) -> np.number:
        """The value of a column for a part."""
        return self._columns[name][self._checked(number)]

    def bounds(self, name: str, number: int) -> tuple[int, int]:
        """The rows [first, end) of x (a column x_offset) that belong to a part."""
        first, end = self._columns[f"{name}_offset"][self._checked(number) : number + 2]
        return int(first), int(end)

    def place(self, name: str, number: int, inner: int) -> int:
        """The row of x that is the part's own row `inner`.

        Raises:
            IndexError: it has not so many.
        """
        first, end = self.bounds(name, number)
        if not 0 <= inner < end - first:
            raise IndexError(f"{name} {inner} of {end - first} of {self.ids[number]} in {self.path}")
        return first + inner

    @cached_property
    def _columns(self) -> dict[str, NDArray]:
        return {name: self.rows(f"{self.parts}/{name}") for name in self.columns}

    def _checked(self, number: int) -> int:
        if not 0 <= number < len(self):
            raise IndexError(f"{number} of {len(self)} {self.parts} in {self.path}")
        return int(number)

"""The small streams of a recording store, inertial samples and triggers: one column a field, optional."""

from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import zarr

from evfi.errors import UserError
from evfi.io.pieces import Imu, Triggers
from evfi.io.stores import ColumnWriter, array_of, read_rows

Side = TypeVar("Side", Imu, Triggers)


class SideWriter:
    """Appends pieces of one kind to a group named after the stream; columns named as the fields of Imu, Triggers."""

    def __init__(self, group: zarr.Group, stream: str) -> None:
        self._stream, self._group = stream, group.create_group(stream)
        self._columns: dict[str, ColumnWriter] = {}
        self._last_us: int | None = None

    def append(self, piece: Imu | Triggers) -> None:
        """Add at the end.

        Raises:
            UserError: times decrease.
        """
        if (np.diff(piece.t_us) < 0).any() or (self._last_us is not None and piece.t_us[0] < self._last_us):
            raise UserError(f"the times of {self._stream} must not decrease: sort them")
        self._last_us = int(piece.t_us[-1])
        for field in fields(piece):
            values = getattr(piece, field.name)
            if field.name not in self._columns:
                self._columns[field.name] = ColumnWriter(self._group, field.name, values.dtype)
            self._columns[field.name].append(values)

    def finish(self) -> None:
        """Write what is left."""
        for column in self._columns.values():
            column.finish()


def read_side(group: zarr.Group, stream: str, kind: type[Side], path: Path) -> Side | None:
    """The whole stream; None where the store has none."""
    if stream not in group:
        return None
    return kind(*(read_rows(array_of(group, f"{stream}/{field.name}", path)) for field in fields(kind)))

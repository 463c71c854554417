"""The rows of an index that are measured, group by group, read a piece at a time."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from evfi.errors import UserError
from evfi.evaluation.protocols import SETTING, group_key, group_name, target_name
from evfi.samples.stored_rows import Positions, StoredRows

# Rows are asked for by their names, nearly in the order of the file.
_KEPT_ROWS = 1 << 15
_OUTLINE = (*SETTING, "kind", "sequence", "frame0", "frame1")


class RowsToMeasure:
    """The test rows of a sample index sorted by sample_id, numbered from 0: 8 bytes are held of each.

    A row has the index's columns as attributes, and `number`, `group`, `group_size` and `target_name`.

    Raises:
        MissingInputError, InputFileError: the index is absent or not one.
        UserError: the index has no test row.
    """

    def __init__(self, index: Path) -> None:
        self._stored = StoredRows(index, kept_rows=_KEPT_ROWS)
        if not len(self._places):
            splits = sorted({split for _, table in self._stored.pieces(["split"]) for split in table["split"]})
            raise UserError(f"{index} has no test sample, only {splits}: evaluate the index made for the test part")

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[SimpleNamespace]:
        """All rows in their order, which keeps the targets of a group together."""
        return _named(self._row(number) for number in range(len(self)))

    def some(self, numbers: Iterable[int]) -> list[SimpleNamespace]:
        """The rows of these numbers, in their order."""
        wanted = sorted({int(number) for number in numbers})
        whole = sorted({each for number in wanted for each in self._group_around(number)})
        return [row for row in _named(map(self._row, whole)) if row.number in set(wanted)]

    def outline(self) -> Any:
        """A table of all rows by number, to choose among them: dataset, protocol, skip, kind, sequence, frame0, frame1.

        Repeated text comes as categories.
        """
        return self._stored.table(_OUTLINE, self._places)

    @cached_property
    def _places(self) -> Positions:
        stored = self._stored
        return stored.sorted_by_id(stored.where(["split"], lambda table: table["split"] == "test"))

    def _row(self, number: int) -> SimpleNamespace:
        row = self._stored[int(self._places[number])]
        row.number = number
        return row

    def _group_around(self, number: int) -> Sequence[int]:
        first, after, group = number, number + 1, group_key(self._row(number))
        while first > 0 and group_key(self._row(first - 1)) == group:
            first -= 1
        while after < len(self) and group_key(self._row(after)) == group:
            after += 1
        return range(first, after)


def _named(rows: Iterable[SimpleNamespace]) -> Iterator[SimpleNamespace]:
    for _, group in groupby(rows, key=group_key):
        targets = [*group]
        for rank, row in enumerate(sorted(targets, key=lambda row: row.t_us), 1):
            row.group, row.group_size = group_name(row.frame0, row.frame1), len(targets)
            row.target_name = target_name(row, rank)
        yield from targets

"""The figures of one setting as an array over metrics, methods and targets: some ten bytes a figure, however many."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.util import hash_array

from evfi.errors import UserError
from evfi.evaluation.protocols import SETTING

ALL_TARGETS = "all"
Key = tuple[str, str, int]
"""Data set, protocol, skip."""
Places = NDArray[np.intp]
"""Rising positions of targets in a cube."""
Pieces = Callable[[], Iterable[pd.DataFrame]]
"""Gives a table of figures (TARGET_COLUMNS) in pieces, the same ones each time."""


@dataclass(frozen=True, eq=False, slots=True)
class Texts:
    """A text for each target: `number` int32 (targets,) counts in `names`, which are sorted."""

    number: NDArray[np.int32]
    names: tuple[str, ...]

    def at(self, places: Places) -> list[str]:
        """The names that some targets have, sorted."""
        return [self.names[number] for number in np.unique(self.number[places])]

    def with_name(self, name: str, places: Places) -> Places:
        """Of some targets those with this name."""
        number = self.names.index(name) if name in self.names else -1
        return places[self.number[places] == number]


@dataclass(frozen=True, eq=False, slots=True)
class Targets:
    """The targets of a setting by rising sample id (an Arrow array: a Python text would take twice the memory).

    `name` is what a target is called, the column target; `t_us` int64 in microseconds, `tau` float64 in (0, 1).
    """

    sample_id: Any
    sequence: Texts
    group: Texts
    name: Texts
    t_us: NDArray[np.int64]
    tau: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.t_us)

    def place(self, sample_id: str) -> int | None:
        """The position of a sample; None if it is not there."""
        place = bisect_left(range(len(self)), sample_id, key=lambda place: self.sample_id[place].as_py())
        return place if place < len(self) and self.sample_id[place].as_py() == sample_id else None


@dataclass(frozen=True, eq=False, slots=True)
class Cube:
    """All figures of one setting.

    `values` float64 (metrics, methods, targets), NaN without a figure; `notes` of the same shape numbers the texts in
    `note_texts`, 0 where the table has no row at all. Metrics and methods are sorted.
    """

    key: Key
    targets: Targets
    metrics: tuple[str, ...]
    methods: tuple[str, ...]
    values: NDArray[np.float64]
    notes: NDArray[np.unsignedinteger[Any]]
    note_texts: tuple[str, ...]

    @property
    def everywhere(self) -> Places:
        return np.arange(len(self.targets))

    def of_target(self, target: str, places: Places) -> Places:
        """Of some targets those with this name; all of them for "all"."""
        if target == ALL_TARGETS:
            return places
        return self.targets.name.with_name(target, places)

    def of_sequence(self, sequence: str, places: Places) -> Places:
        """Of some targets those of one sequence."""
        return self.targets.sequence.with_name(sequence, places)

    def measured(self, metric: str, method: str, places: Places) -> Places:
        """Of some targets those with a row, with or without a figure, of one method and metric."""
        if metric not in self.metrics or method not in self.methods:
            return places[:0]
        return places[self.notes[self._line(metric, method)][places] > 0]

    def figures(self, metric: str, method: str, places: Places) -> NDArray[np.float64]:
        """A method's figures of one metric at some targets."""
        return self.values[self._line(metric, method)][places]

    def has_note(self, metric: str, note: str, places: Places) -> bool:
        """Whether any method's row of one metric has this note at some targets."""
        if metric not in self.metrics or note not in self.note_texts[1:]:
            return False
        number = self.note_texts.index(note, 1)
        return bool((self.notes[self.metrics.index(metric)][:, places] == number).any())

    def noted(self, wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Of each target, bool (targets,), whether the note of any of its rows is as wanted."""
        is_wanted = np.array([number > 0 and wanted(text) for number, text in enumerate(self.note_texts)])
        found = np.zeros(len(self.targets), bool)
        for notes in self.notes.reshape(-1, len(found)):
            found |= is_wanted[notes]
        return found

    def _line(self, metric: str, method: str) -> tuple[int, int]:
        return self.metrics.index(metric), self.methods.index(method)


def cubes_of(pieces: Pieces) -> tuple[Cube, ...]:
    """The cube of each setting in a table that comes in pieces, sorted by data set, protocol and skip.

    The pieces are asked for twice: to learn which targets there are, and to take their figures.

    Raises:
        UserError: a target has two figures of one method and metric.
    """
    outlines: dict[Key, _Outline] = {}
    for piece in pieces():
        for key, own in _by_setting(piece):
            outlines.setdefault(key, _Outline()).add(own)
    fillings = {key: outlines.pop(key).filling(key) for key in sorted(outlines)}
    for piece in pieces():
        for key, own in _by_setting(piece):
            fillings[key].add(own)
    return tuple(filling.cube for filling in fillings.values())


def cubes_of_table(table: pd.DataFrame) -> tuple[Cube, ...]:
    """`cubes_of` a whole table."""
    return cubes_of(lambda: [table])


def _by_setting(piece: pd.DataFrame) -> Iterator[tuple[Key, Any]]:
    for (dataset, protocol, skip), own in piece.groupby(SETTING, sort=True, observed=True):  # pyright: ignore
        yield (str(dataset), str(protocol), int(skip)), own


def _coded(column: Any) -> tuple[NDArray[np.intp], list[str]]:
    """Each row's number in the column's texts, in the order in which they come first; a null is the empty text."""
    if column.hasnans:
        column = column.astype(object).where(column.notna(), "")
    codes, texts = pd.factorize(column)
    return codes.astype(np.intp), [str(text) for text in texts]


@dataclass(slots=True)
class _Names:
    """A growing list of texts, and the number of one of them for each target."""

    number: dict[str, int] = field(default_factory=dict)
    chosen: "array[int]" = field(default_factory=lambda: array("i"))

    def extend(self, column: Any) -> None:
        codes, texts = _coded(column)
        numbers = np.array([self.number.setdefault(text, len(self.number)) for text in texts], np.int32)
        self.chosen.frombytes(numbers[codes].tobytes())

    def texts(self, order: NDArray[np.intp]) -> Texts:
        names = sorted(self.number)
        place = np.empty(len(names), np.int32)
        place[[self.number[name] for name in names]] = np.arange(len(names))
        return Texts(place[np.frombuffer(self.chosen, np.int32)[order]], tuple(names))


@dataclass(slots=True)
class _Outline:
    """What a setting's cube is about, gathered before a figure is read."""

    ids: list[Any] = field(default_factory=list)
    known: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    sequence: _Names = field(default_factory=_Names)
    group: _Names = field(default_factory=_Names)
    target: _Names = field(default_factory=_Names)
    t_us: "array[int]" = field(default_factory=lambda: array("q"))
    tau: "array[float]" = field(default_factory=lambda: array("d"))
    metrics: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)

    def add(self, rows: Any) -> None:
        for names, column in ((self.metrics, "metric"), (self.methods, "method"), (self.notes, "note")):
            names.update(_coded(rows[column])[1])
        codes, ids = _coded(rows["sample_id"])
        # The first row of each text: those come first in rising order.
        first = np.unique(codes, return_index=True)[1]
        digests = _digests(ids)
        is_new = ~np.isin(digests, self.known)
        new = rows.iloc[first[is_new]]
        self.known = np.concatenate([self.known, digests[is_new]])
        self.ids.append(pa.array(np.array(ids, object)[is_new], pa.large_string()))
        for names, column in ((self.sequence, "sequence"), (self.group, "group"), (self.target, "target")):
            names.extend(new[column])
        self.t_us.frombytes(new["t_us"].to_numpy(np.int64).tobytes())
        self.tau.frombytes(new["tau"].to_numpy(np.float64).tobytes())

    def filling(self, key: Key) -> "_Filling":
        """An empty cube to fill."""
        ids = pa.table({"id": pa.concat_arrays(self.ids), "number": np.arange(len(self.known))}).sort_by("id")
        order = ids.column("number").to_numpy()
        targets = Targets(
            sample_id=ids.column("id").combine_chunks(),
            sequence=self.sequence.texts(order),
            group=self.group.texts(order),
            name=self.target.texts(order),
            t_us=np.frombuffer(self.t_us, np.int64)[order],
            tau=np.frombuffer(self.tau, np.float64)[order],
        )
        metrics, methods, notes = sorted(self.metrics), sorted(self.methods), sorted(self.notes)
        shape = (len(metrics), len(methods), len(targets))
        cube = Cube(
            key=key,
            targets=targets,
            metrics=tuple(metrics),
            methods=tuple(methods),
            values=np.full(shape, np.nan),
            notes=np.zeros(shape, np.min_scalar_type(len(notes))),
            note_texts=("", *notes),
        )
        place = np.argsort(order)
        by_digest = np.argsort(self.known)
        return _Filling(cube, self.known[by_digest], place[by_digest])


@dataclass(frozen=True, eq=False, slots=True)
class _Filling:
    """A cube while its figures come in; `place` says where the sample with each of the rising `digests` stands."""

    cube: Cube
    digests: NDArray[np.uint64]
    place: NDArray[np.intp]

    def add(self, rows: Any) -> None:
        cube = self.cube
        methods = len(cube.methods)
        flat = _numbers(rows["metric"], _counted(cube.metrics)) * methods
        flat += _numbers(rows["method"], _counted(cube.methods))
        flat *= len(cube.targets)
        codes, ids = _coded(rows["sample_id"])
        flat += self.place[np.searchsorted(self.digests, _digests(ids))][codes]
        notes = cube.notes.reshape(-1)
        if notes[flat].any() or len(np.unique(flat)) < len(flat):
            raise UserError(
                f"{'/'.join(map(str, cube.key))}: a target has two figures of one method and metric, expected one: "
                "join each evaluation only once"
            )
        cube.values.reshape(-1)[flat] = rows["value"].to_numpy(np.float64)
        notes[flat] = _numbers(rows["note"], _counted(cube.note_texts[1:])) + 1


def _digests(texts: Sequence[str]) -> NDArray[np.uint64]:
    """64 bits for each text, which itself would take 200 bytes. Two with the same would be refused as one target."""
    return hash_array(np.array(texts, object), categorize=False)  # pyright: ignore[reportCallIssue]


def _counted(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _numbers(column: Any, number: dict[str, int]) -> NDArray[np.intp]:
    codes, texts = _coded(column)
    return np.array([number[text] for text in texts], np.intp)[codes]

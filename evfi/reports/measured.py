"""Reads evaluation folders and joins them: the figures, the methods, the groups with pictures."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow import parquet

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.evaluation.cube import Cube, Key, Places, cubes_of
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.protocols import NOT_PREDICTED, TARGET_COLUMNS, TARGETS_FILE

_BASELINES = "baselines"
_PIECE_ROWS = 1 << 16
_TEXT = ("sample_id", "method", "dataset", "protocol", "sequence", "group", "target", "metric", "note")
_PICTURE_KEYS = ("sample_id", "dataset", "protocol", "skip", "sequence", "tau", "group", "target", "folder")


@dataclass(frozen=True, slots=True)
class Method:
    """One line of every table: a baseline (family None), a family's final frame, or one of its intermediates."""

    name: str
    label: str
    family: str | None
    is_intermediate: bool
    folder: Path

    @property
    def is_baseline(self) -> bool:
        return self.family is None

    @property
    def is_final(self) -> bool:
        """Whether this is a learned method's own answer."""
        return self.family is not None and not self.is_intermediate


Part = Literal["", "common", "other"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What may be compared with each other: one data set under one protocol and skip.

    `part`: "" is all its targets; "common" those that every learned method predicted, "other" the rest.
    """

    dataset: str
    protocol: str
    skip: int
    part: Part = ""

    @property
    def key(self) -> Key:
        """What it is called in an evaluation, whatever its part."""
        return self.dataset, self.protocol, self.skip


@dataclass(frozen=True, slots=True)
class PictureSample:
    """One target whose pictures were kept, in `folder` under each evaluation's folder of pictures."""

    sample_id: str
    target: str
    tau: float
    folder: str


@dataclass(frozen=True, slots=True)
class PictureGroup:
    """All targets between one pair of boundary frames, by rising tau."""

    setting: Setting
    sequence: str
    group: str
    samples: tuple[PictureSample, ...]


@dataclass(frozen=True, eq=False)
class Measured:
    """All evaluations of one run: a cube for each setting, sorted; methods stand in the order of the tables."""

    cubes: tuple[Cube, ...]
    methods: tuple[Method, ...]
    groups: tuple[PictureGroup, ...]
    documents: tuple[dict[str, Any], ...]

    @property
    def options(self) -> EvaluationOptions:
        """The options that the first evaluation (the baselines) was made with."""
        return EvaluationOptions.model_validate(self.documents[0].get("options", {}))

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every (dataset, protocol, skip) that was measured, sorted."""
        return tuple(Setting(*cube.key) for cube in self.cubes)

    def cube(self, setting: Setting) -> Cube:
        """The figures of a setting, whatever its part."""
        return self._by_key[setting.key]

    def parts(self, setting: Setting) -> tuple[Setting, ...]:
        """The setting itself where all methods, or never all of them, predicted its targets; else its two parts."""
        declined = self._declined[setting.key]
        if declined.all() or not declined.any():
            return (setting,)
        return replace(setting, part="common"), replace(setting, part="other")

    def places(self, setting: Setting) -> Places:
        """The targets of a setting, or of one of its parts, in its cube."""
        if not setting.part:
            return self.cube(setting).everywhere
        declined = self._declined[setting.key]
        return np.flatnonzero(declined if setting.part == "other" else ~declined)

    @cached_property
    def _by_key(self) -> dict[Key, Cube]:
        return {cube.key: cube for cube in self.cubes}

    @cached_property
    def _declined(self) -> dict[Key, NDArray[np.bool_]]:
        """Of each setting's targets, whether some method could not predict it."""
        return {cube.key: cube.noted(lambda note: note.startswith(NOT_PREDICTED)) for cube in self.cubes}

    def method(self, name: str) -> Method | None:
        """The method of this name, None if it was not measured."""
        return next((method for method in self.methods if method.name == name), None)


def read_measured(folders: Sequence[Path]) -> Measured:
    """Read evaluation folders (baselines first, whatever their order) and join them.

    Raises:
        MissingInputError: no folder is given, or a file is absent.
        InputFileError: a file is not what it should be.
        UserError: two folders name one method, or were measured on different sample indexes.
    """
    if not folders:
        raise MissingInputError("a report needs at least one evaluation folder: run `evfi evaluate` first")
    documents = [_document(folder) for folder in folders]
    both = sorted(zip(folders, documents, strict=True), key=lambda pair: pair[1]["name"] != _BASELINES)
    folders, documents = [folder for folder, _ in both], [document for _, document in both]
    _check_one_index(folders, documents)
    methods = [
        method for folder, document in zip(folders, documents, strict=True) for method in _methods(folder, document)
    ]
    names = [method.name for method in methods]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(f"the methods {twice} stand in two evaluation folders: give each only once")
    cubes = cubes_of(lambda: (piece for folder in folders for piece in _pieces(folder)))
    unknown = sorted({method for cube in cubes for method in cube.methods} - set(names))
    if unknown:
        raise InputFileError(f"targets.parquet has the methods {unknown}, which evaluation.json does not list")
    return Measured(
        cubes=cubes,
        methods=tuple(sorted(methods, key=lambda method: not method.is_baseline)),
        groups=_groups(documents),
        documents=tuple(documents),
    )


def _document(folder: Path) -> dict[str, Any]:
    path = folder / "evaluation.json"
    document = read_json(path, remedy="make it with `evfi evaluate`")
    missing = [key for key in ("name", "methods", "pictures") if key not in document]
    if missing:
        raise InputFileError(f"{path} lacks {missing}: make it again with `evfi evaluate`")
    return document


def read_json(path: Path, *, remedy: str) -> dict[str, Any]:
    """A JSON object from a file; one line of error otherwise."""
    if not path.is_file():
        raise MissingInputError(f"no file {path}: {remedy}")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputFileError(f"{path} is not JSON ({error}): {remedy}") from error
    if not isinstance(value, dict):
        raise InputFileError(f"{path} holds a {type(value).__name__}, expected an object: {remedy}")
    return value


def _check_one_index(folders: Sequence[Path], documents: Sequence[dict[str, Any]]) -> None:
    digests = {document.get("index_sha256"): folder for folder, document in zip(folders, documents, strict=True)}
    if len(digests) > 1:
        raise UserError(
            f"the evaluations {[str(folder) for folder in digests.values()]} were measured on different sample "
            "indexes and cannot stand in one table: evaluate them again on one index"
        )


def _methods(folder: Path, document: dict[str, Any]) -> list[Method]:
    try:
        return [
            Method(
                name=str(entry["name"]),
                label=str(entry.get("label") or entry["name"]),
                family=None if entry.get("family") is None else str(entry["family"]),
                is_intermediate=bool(entry.get("is_intermediate", False)),
                folder=folder,
            )
            for entry in document["methods"]
        ]
    except (KeyError, TypeError) as error:
        raise InputFileError(f"{folder / 'evaluation.json'}: a method lacks its name ({error})") from error


def _pieces(folder: Path) -> Iterator[pd.DataFrame]:
    """An evaluation's table in pieces, in which a text that many rows have is held once."""
    path = folder / TARGETS_FILE
    if not path.is_file():
        raise MissingInputError(f"no file {path}: make it with `evfi evaluate`")
    try:
        with parquet.ParquetFile(path, read_dictionary=[*_TEXT]) as file:
            missing = [column for column in TARGET_COLUMNS if column not in file.schema_arrow.names]
            if missing:
                raise InputFileError(f"{path} lacks the columns {missing}: make it again with `evfi evaluate`")
            # Asked for all row groups at once, the reader would hold the texts of several.
            for group in range(file.num_row_groups):
                batches = file.iter_batches(_PIECE_ROWS, [group], [*TARGET_COLUMNS], use_threads=False)
                yield from (batch.to_pandas() for batch in batches)
    except InputFileError:
        raise
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path} is not a Parquet table ({error}): make it again with `evfi evaluate`") from error


def _groups(documents: Sequence[dict[str, Any]]) -> tuple[PictureGroup, ...]:
    found: dict[tuple[Setting, str, str], dict[str, PictureSample]] = {}
    for document in documents:
        for entry in document["pictures"]:
            missing = [key for key in _PICTURE_KEYS if key not in entry]
            if missing:
                raise InputFileError(f"evaluation.json of {document['name']!r}: a picture lacks {missing}")
            setting = Setting(str(entry["dataset"]), str(entry["protocol"]), int(entry["skip"]))
            sample = PictureSample(
                sample_id=str(entry["sample_id"]),
                target=str(entry["target"]),
                tau=float(entry["tau"]),
                folder=_inside(str(entry["folder"])),
            )
            key = (setting, str(entry["sequence"]), str(entry["group"]))
            found.setdefault(key, {})[sample.sample_id] = sample
    return tuple(
        PictureGroup(
            setting, sequence, group, tuple(sorted(samples.values(), key=lambda one: (one.tau, one.sample_id)))
        )
        for (setting, sequence, group), samples in sorted(found.items(), key=lambda item: _order(item[0]))
    )


def _inside(folder: str) -> str:
    """A folder's name that cannot lead out of the evaluation's pictures."""
    if Path(folder).name != folder or folder in ("", ".", ".."):
        raise InputFileError(f"evaluation.json: the picture folder {folder!r} is not a plain name: evaluate again")
    return folder


def _order(key: tuple[Setting, str, str]) -> tuple[str, str, int, str, str]:
    setting, sequence, group = key
    return (setting.dataset, setting.protocol, setting.skip, sequence, group)

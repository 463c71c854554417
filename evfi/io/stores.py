"""What all Zarr v3 stores share: codecs, appending columns, opening with clear errors, digests and receipts.

A store x.zarr is a group with the attributes `schema` and `version`; its receipt x.json says what is in it. Both hold
only functions of inputs and options, so that equal runs write equal bytes.
"""

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec
from zarr.errors import NodeNotFoundError

from evfi.errors import InputFileError, MissingInputError
from evfi.io.atomic import writing
from evfi.io.direct_columns import DirectColumn, is_direct
from evfi.io.store_files import REST, digests_of_files
from evfi.provenance import canonical_json, write_json, write_stamp

COLUMN_CHUNK = 1 << 16
"""Events decoded at once: 5 ms windows of a busy DAVIS touch one or two chunks."""
COLUMN_SHARD = 1 << 22
"""Events in one file of a long column, so that an hour is tens of files and not thousands."""
FRAMES_PER_SHARD = 64
_DIGEST_BYTES = 1 << 22
"""Decoded at once for a digest; zarr-python takes four times as much while it does so."""


@dataclass(frozen=True, slots=True)
class StoreKind:
    """What a store is, as its attributes and its receipt say: docs/formats.md has a chapter for each schema."""

    schema: str
    version: int

    @property
    def attributes(self) -> dict[str, Any]:
        return {"schema": self.schema, "version": self.version}


def codec(dtype: np.dtype) -> BloscCodec:
    """Blosc with bit shuffle, a codec of the Zarr v3 specification (any reader can open the store).

    LZ4; for 64-bit columns, which are times, Zstandard: they are a fifth smaller (docs/decisions, 0006).
    """
    if dtype == np.int64:
        return BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle")
    return BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")


def create_group(path: Path) -> zarr.Group:
    """An empty Zarr v3 group in a new folder."""
    return zarr.create_group(path, zarr_format=3, overwrite=False)


class ColumnWriter:
    """Appends to one array of a group in blocks of whole files; memory stays below two blocks.

    1-D columns: chunks of 2^16, files of 2^22 once they are that long. Images (item_shape given): one image a chunk,
    64 a file.
    """

    def __init__(self, group: zarr.Group, name: str, dtype: np.dtype, item_shape: tuple[int, ...] = ()) -> None:
        self.group, self.name, self.dtype, self.item_shape = group, name, np.dtype(dtype), item_shape
        self.length = 0
        self._block = FRAMES_PER_SHARD if item_shape else COLUMN_SHARD
        self._chunk = 1 if item_shape else COLUMN_CHUNK
        self._waiting: list[NDArray] = []
        self._waiting_length = 0
        self._array: zarr.Array | None = None

    def append(self, values: NDArray) -> None:
        """Add values (n, *item_shape) at the end; they are copied or kept until written, so do not change them."""
        if len(values) == 0:
            return
        self._waiting.append(values)
        self._waiting_length += len(values)
        self.length += len(values)
        if self._waiting_length >= self._block:
            joined = self._joined()
            whole = len(joined) // self._block * self._block
            self._write(joined[:whole])
            self._waiting = [joined[whole:].copy()] if whole < len(joined) else []
            self._waiting_length = len(joined) - whole

    def finish(self) -> None:
        """Write the rest; an array that never got a value is written with length 0."""
        rest = self._joined()
        self._waiting, self._waiting_length = [], 0
        if self._array is None or len(rest):
            self._write(rest)

    def _joined(self) -> NDArray:
        if not self._waiting:
            return np.empty((0, *self.item_shape), self.dtype)
        return np.concatenate(self._waiting).astype(self.dtype, copy=False)

    def _write(self, values: NDArray) -> None:
        if self._array is None:
            in_shards = len(values) >= self._block or bool(self.item_shape)
            self._array = self.group.create_array(
                self.name,
                shape=(0, *self.item_shape),
                dtype=self.dtype,
                chunks=(self._chunk, *self.item_shape),
                shards=(self._block, *self.item_shape) if in_shards else None,
                compressors=codec(self.dtype),
            )
        start = self._array.shape[0]
        self._array.resize((start + len(values), *self.item_shape))
        if len(values):
            self._array[start:] = values


def write_column(group: zarr.Group, name: str, values: NDArray) -> None:
    """A whole column at once."""
    column = ColumnWriter(group, name, values.dtype)
    column.append(values)
    column.finish()


def is_store(path: Path) -> bool:
    """Whether a store of any schema lies, or by its name should lie, at `path`."""
    return path.suffix == ".zarr" or (path / "zarr.json").is_file()


def open_group(path: Path, kind: StoreKind) -> zarr.Group:
    """The group of a store, for reading.

    Raises:
        MissingInputError: nothing is there.
        InputFileError: it is no Zarr v3 store, another kind of store, or of another version.
    """
    group = open_any(path)
    found, its_version = group.attrs.get("schema"), group.attrs.get("version")
    if found != kind.schema:
        raise InputFileError(f"{path} is a store of kind {found!r}, expected {kind.schema!r}: check the path")
    if its_version != kind.version:
        raise InputFileError(
            f"{path} has version {its_version} of {found}, this evfi reads version {kind.version}: make the store again"
        )
    return group


def open_any(path: Path) -> zarr.Group:
    """The group of a store of any schema; errors as `open_group`."""
    if not path.exists():
        raise MissingInputError(f"no store at {path}: make it with `evfi ingest` or `evfi simulate`")
    try:
        return zarr.open_group(path, mode="r", zarr_format=3)
    except (NodeNotFoundError, ValueError, KeyError, TypeError, NotADirectoryError) as error:
        remedy = "a file: make one of it with `evfi ingest`" if path.is_file() else f"{_one_line(error)}: make it again"
        raise InputFileError(f"{path} is not a Zarr v3 store of evfi, {remedy}") from error


def array_of(group: zarr.Group, name: str, path: Path) -> zarr.Array:
    """The array `name` of the store at `path`.

    Raises:
        InputFileError: the store lacks it.
    """
    try:
        node = group[name]
    except (KeyError, ValueError) as error:
        raise InputFileError(f"{path} lacks the array {name} ({_one_line(error)}): make the store again") from error
    if not isinstance(node, zarr.Array):
        raise InputFileError(f"{path}: {name} should be an array and is a group: make the store again")
    return node


def read_rows(array: zarr.Array, first: int = 0, end: int | None = None) -> NDArray:
    """Rows [first, end) of an array, decoded.

    Raises:
        InputFileError: a chunk is damaged.
    """
    try:
        return np.asarray(array[first : array.shape[0] if end is None else end])  # pyright: ignore[reportArgumentType]
    except (RuntimeError, ValueError) as error:
        raise InputFileError(
            f"{array.store_path} is damaged ({_one_line(error)}): `evfi verify` tells more; make the store again"
        ) from error


def store_digests(path: Path) -> dict[str, str]:
    """SHA-256 of every decoded array by name, as `provenance.digest_array` computes it, in constant memory."""
    return {name: digest_rows(array) for name, array in arrays_of(open_any(path))}


def finish_store(
    out: Path,
    partial: Path,
    kind: StoreKind,
    *,
    algo_version: int,
    content: Mapping[str, Any],
    stamp: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The last thing before `partial` takes its final name `out`: a receipt and a stamp beside it; returns the receipt.

    Args:
        content: as `write_receipt`.
        stamp: more for x.provenance.json.
    """
    receipt_path(out).unlink(missing_ok=True)
    receipt = write_receipt(out, partial, kind, algo_version=algo_version, content=content)
    write_stamp(out, stamp)
    return receipt


def write_receipt(
    out: Path, store: Path, kind: StoreKind, *, algo_version: int, content: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the receipt of the store `out` (x.zarr → x.json) and return it.

    Args:
        out: the store's final path.
        store: where it lies now (its partial folder).
        content: more keys: ids, seed, options; functions of inputs and options only, paths relative.
    """
    found = dict(arrays_of(open_any(store)))
    files = digests_of_files(store, found)
    arrays = {
        name: {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "sha256": digest_rows(array),
            "files_sha256": files[name],
        }
        for name, array in found.items()
    }
    receipt = {
        **kind.attributes,
        "algo_version": algo_version,
        **content,
        "arrays": arrays,
        "groups_sha256": files[REST],
    }
    with writing(receipt_path(out)) as partial:
        write_json(partial, receipt)
    return receipt


def receipt_path(store: Path) -> Path:
    """x.json beside x.zarr."""
    return store.with_suffix(".json")


def arrays_of(group: zarr.Group) -> Iterator[tuple[str, zarr.Array]]:
    """All arrays by name, sorted."""
    with warnings.catch_warnings():
        # Snakemake leaves a time stamp in a folder that a rule wrote.
        warnings.filterwarnings("ignore", message="Object at .* is not recognized")
        members = group.members(max_depth=None)
    for name, node in sorted(members, key=lambda member: member[0]):
        if isinstance(node, zarr.Array):
            yield name, node


def digest_rows(array: zarr.Array) -> str:
    """SHA-256 of an array as `provenance.digest_array` computes it, in constant memory."""
    dtype = array.dtype.newbyteorder("<")
    total = hashlib.sha256(canonical_json([dtype.str, list(array.shape)]).encode())
    # whole chunks, so that none is decoded twice; not whole shards, which may hold gigabytes
    chunk = array.chunks[0]
    row_bytes = max(1, dtype.itemsize * math.prod(array.shape[1:]))
    step = max(1, _DIGEST_BYTES // (row_bytes * chunk)) * chunk
    decoded = DirectColumn(array).rows if is_direct(array) else partial(read_rows, array)
    for first in range(0, array.shape[0], step):
        rows = decoded(first, min(first + step, array.shape[0]))
        total.update(np.ascontiguousarray(rows.astype(dtype, copy=False)).data)
    return total.hexdigest()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

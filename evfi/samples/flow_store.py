"""Optical flows that the samples of an index need, computed once and kept beside it (`train-flows.zarr`).

A flow belongs to two frames of one clip or recording, so that samples that share the frames share it.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zarr

from evfi.errors import InputFileError, MissingInputError
from evfi.flow.provider import FlowProvider
from evfi.io.atomic import writing
from evfi.io.flow_arrays import FLOWS, PAIR_COLUMNS, flow_array
from evfi.io.opened import OpenedStore
from evfi.io.stores import ColumnWriter, create_group, finish_store, write_column
from evfi.provenance import cpu_seconds, digest_file
from evfi.samples.sample import Flow, Image
from evfi.versions import ALGO_VERSIONS


class FlowKey(NamedTuple):
    """A flow from the frame `start` to the frame `end` (numbers) of a store, relative to the index; clip -1: none."""

    store: str
    clip: int
    start: int
    end: int


def flows_beside(index: Path) -> Path:
    """Where the flows of an index lie."""
    return index.with_name(f"{index.stem}-flows.zarr")


def write_flows(
    index: Path, keys: Iterable[FlowKey], frame: Callable[[str, int, int], Image], flow: FlowProvider
) -> int:
    """Compute the flows of the keys and write them beside the index, with their receipt.

    One pair is computed at a time: memory does not grow with their number.

    Args:
        keys: each once.
        frame: the image of (store, clip, number of the frame).

    Returns:
        How many there are.
    """
    out, start = flows_beside(index), cpu_seconds()
    with writing(out) as partial:
        group = create_group(partial)
        stores, count = _write_pairs(group, keys, frame, flow)
        facts = {"provider": flow.name, "index_sha256": _digest_of_index(index), "stores": stores}
        group.attrs.update({**FLOWS.attributes, **facts})
        content, stamp = {**facts, "pairs": count}, {"start_cpu_seconds": start}
        finish_store(out, partial, FLOWS, algo_version=ALGO_VERSIONS["flows"], content=content, stamp=stamp)
    return count


def _write_pairs(
    group: zarr.Group, keys: Iterable[FlowKey], frame: Callable[[str, int, int], Image], flow: FlowProvider
) -> tuple[list[str], int]:
    """Flows of one frame size in one array, and for each pair where its flow lies; names of the stores, and a count."""
    numbers: dict[str, int] = {}
    arrays: dict[tuple[int, int], ColumnWriter] = {}
    rows: list[tuple[int, ...]] = []
    for key in keys:
        found = flow(frame(key.store, key.clip, key.start), frame(key.store, key.clip, key.end))
        height, width = found.shape[:2]
        if (height, width) not in arrays:
            arrays[height, width] = ColumnWriter(
                group, flow_array(height, width), np.dtype(np.float32), (height, width, 2)
            )
        array = arrays[height, width]
        rows.append(
            (numbers.setdefault(key.store, len(numbers)), key.clip, key.start, key.end, height, width, array.length)
        )
        array.append(found[None])
    for array in arrays.values():
        array.finish()
    columns = np.array(rows, np.int64).reshape(-1, len(PAIR_COLUMNS)).T
    for name, values in zip(PAIR_COLUMNS, columns, strict=True):
        write_column(group, f"pairs/{name}", np.ascontiguousarray(values))
    return list(numbers), len(rows)


class StoredFlows(OpenedStore):
    """The flows beside an index, one read at a time.

    Raises:
        MissingInputError: there are none. InputFileError: they were computed for another index, or are damaged.
    """

    kind = FLOWS

    def __init__(self, index: Path) -> None:
        super().__init__(flows_beside(index))
        if self.group.attrs["index_sha256"] != _digest_of_index(index):
            raise InputFileError(
                f"{self.path} was computed for another index than {index}: run `evfi flows {index}` again"
            )

    @property
    def provider(self) -> str:
        """The name of what computed them."""
        return str(self.group.attrs["provider"])

    def flow(self, key: FlowKey) -> Flow:
        """The flow of a key, float32 (H, W, 2).

        Raises:
            MissingInputError: it was not computed.
        """
        if key not in self._places:
            raise MissingInputError(
                f"{self.path} has no flow from frame {key.start} to {key.end} of {key.store}: it was made for other "
                "samples; run `evfi flows` again with the families and data sets of this run"
            )
        height, width, place = self._places[key]
        return self.rows(flow_array(height, width), place, place + 1)[0]

    @cached_property
    def _places(self) -> dict[FlowKey, tuple[int, int, int]]:
        columns = [self.rows(f"pairs/{name}").tolist() for name in PAIR_COLUMNS]
        stores: list[str] = list(self.group.attrs["stores"])  # pyright: ignore[reportArgumentType]
        return {
            FlowKey(stores[store], clip, start, end): (height, width, place)
            for store, clip, start, end, height, width, place in zip(*columns, strict=True)
        }


def stored_flows(index: Path) -> StoredFlows | None:
    """The flows beside an index; None where there are none."""
    return StoredFlows(index) if flows_beside(index).exists() else None


def _digest_of_index(index: Path) -> str:
    """Of its receipt, which names the table's digest and those of the stores; of the table where there is none."""
    receipt = index.with_suffix(".json")
    return digest_file(receipt if receipt.is_file() else index)

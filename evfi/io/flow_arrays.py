"""Arrays of a store of optical flows (docs/formats.md), and what must hold between them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zarr

from evfi.io.stores import StoreKind, array_of, arrays_of, read_rows

FLOWS = StoreKind("evfi.flows", version=1)
PAIR_COLUMNS = ("store", "clip", "start", "end", "height", "width", "place")


def flow_array(height: int, width: int) -> str:
    """Name of the array with the flows of one frame size."""
    return f"flow/{height}x{width}"


def flow_shapes(group: zarr.Group) -> dict[tuple[int, int], int]:
    """How many flows there are of each frame size (height, width)."""
    shapes = [array.shape for name, array in arrays_of(group) if name.startswith("flow/")]
    return {(shape[1], shape[2]): shape[0] for shape in shapes}


def flow_problems(path: Path, group: zarr.Group) -> Iterator[str]:
    """What contradicts the format in the store at `path`: one line each."""
    columns = {name: read_rows(array_of(group, f"pairs/{name}", path)) for name in PAIR_COLUMNS}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        yield "the columns of pairs differ in length"
        return
    stores = group.attrs["stores"]
    numbers = columns["store"]
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < len(stores)):  # pyright: ignore[reportArgumentType]
        yield f"pairs/store reaches {numbers.max()}, but {len(stores)} stores are named"  # pyright: ignore
    keys = np.stack([columns[name] for name in ("store", "clip", "start", "end")], axis=1)
    if len(np.unique(keys, axis=0)) != len(keys):
        yield "pairs names a pair of frames twice"
    sizes = np.stack([columns["height"], columns["width"]], axis=1)
    shapes = flow_shapes(group)
    for height, width in sorted({*map(tuple, sizes.tolist()), *shapes}):
        places = np.sort(columns["place"][(sizes == (height, width)).all(axis=1)])
        name, count = flow_array(height, width), shapes.get((height, width), 0)
        if not np.array_equal(places, np.arange(count)):
            yield f"pairs/place does not lead to each of the {count} flows of {name} once"
    for name, array in arrays_of(group):
        if name.startswith("flow/") and (name != flow_array(*array.shape[1:3]) or array.shape[3:] != (2,)):
            yield f"{name} has the shape {array.shape}"

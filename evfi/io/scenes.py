"""The scene store: rendered scenes of one shard, each with its true frames and the moments that its events come from.

No event is stored: whoever reads a scene simulates the events of a sensor from the moments. docs/formats.md is the
contract of the layout.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from evfi.io.atomic import writing
from evfi.io.direct_columns import DirectColumn
from evfi.io.opened import ShardStore
from evfi.io.stores import ColumnWriter, StoreKind, create_group, finish_store, write_column

SCENES = StoreKind("evfi.scenes", version=1)
WHITE = 255 * 256
"""White in the moments' steps of 1/256 gray level, which are the simulator's own (evfi.simulation.intensity)."""
_COLUMNS = ("seed", "height", "width", "channels", "exposure_us")


@dataclass(frozen=True, eq=False, slots=True)
class SceneFrames:
    """One rendered scene.

    frames: uint8 (N, H, W, C), C = 1 or 3, at t_us int64 (N,), each exposed for exposure_us around its time.
    moments: uint16 (M, H, W), luminance in steps of 1/256 gray level, at moment_us int64 (M,), from the first frame's
    time to the last one's. shows: names of the pictures in it.
    """

    scene_id: str
    seed: int
    frames: NDArray[np.uint8]
    t_us: NDArray[np.int64]
    exposure_us: int
    moments: NDArray[np.uint16]
    moment_us: NDArray[np.int64]
    shows: tuple[str, ...]


def write_scene_store(
    out: Path, scenes: Iterable[SceneFrames], *, split: str, algo_version: int, content: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the store `out` (x.zarr), its receipt (x.json) and its stamp; return the receipt.

    Scenes are taken one at a time, so memory does not grow with their number; an error leaves nothing under a final
    name.

    Args:
        content: seed, options and sensors, for attributes and receipt. sensors: what simulates the events, as the JSON
            of SimulationOptions by data set.
    """
    with writing(out) as partial:
        group = create_group(partial)
        writer = _Writer(group)
        for scene in scenes:
            writer.add(scene)
        writer.finish()
        facts = {"split": split, **content}
        group.attrs.update({**SCENES.attributes, **facts})
        about = {"scene_ids": writer.ids, **facts}
        return finish_store(out, partial, SCENES, algo_version=algo_version, content=about)


class _Writer:
    def __init__(self, group: zarr.Group) -> None:
        self.scenes = group.create_group("scenes")
        self.images = ColumnWriter(group.create_group("frames"), "image", np.dtype(np.uint8))
        self.moments = ColumnWriter(group.create_group("moments"), "luminance", np.dtype(np.uint16))
        self.frames_group, self.moments_group = self.images.group, self.moments.group
        self.ids: list[str] = []
        self.shows: list[list[str]] = []
        self.columns: dict[str, list[int]] = {name: [] for name in _COLUMNS}
        self.offsets: dict[str, list[int]] = {name: [0] for name in ("frame", "moment", "image", "luminance")}
        self.t_us: list[NDArray] = []
        self.moment_us: list[NDArray] = []

    def add(self, scene: SceneFrames) -> None:
        _, height, width, channels = scene.frames.shape
        values = (scene.seed, height, width, channels, scene.exposure_us)
        for name, value in zip(_COLUMNS, values, strict=True):
            self.columns[name].append(value)
        self.ids.append(scene.scene_id)
        self.shows.append(list(scene.shows))
        self.images.append(scene.frames.reshape(-1))
        self.moments.append(scene.moments.reshape(-1))
        self.t_us.append(scene.t_us)
        self.moment_us.append(scene.moment_us)
        lengths = (len(scene.t_us), len(scene.moment_us), scene.frames.size, scene.moments.size)
        for offsets, length in zip(self.offsets.values(), lengths, strict=True):
            offsets.append(offsets[-1] + length)

    def finish(self) -> None:
        self.images.finish()
        self.moments.finish()
        for name, values in self.columns.items():
            write_column(self.scenes, name, np.array(values, np.int64))
        for name, values in self.offsets.items():
            write_column(self.scenes, f"{name}_offset", np.array(values, np.int64))
        write_column(self.frames_group, "t_us", np.concatenate([np.empty(0, np.int64), *self.t_us]))
        write_column(self.moments_group, "t_us", np.concatenate([np.empty(0, np.int64), *self.moment_us]))
        self.scenes.attrs.update({"ids": self.ids, "shows": self.shows})


def open_scenes(path: Path) -> "SceneStore":
    """The scene store at `path`, for reading; errors as `OpenedStore.opened`."""
    return SceneStore.opened(path)


class SceneStore(ShardStore):
    """A store of rendered scenes, for reading."""

    kind = SCENES
    parts = "scenes"
    columns = (*_COLUMNS, "frame_offset", "moment_offset", "image_offset", "luminance_offset")

    @cached_property
    def _times(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self.rows("frames/t_us"), self.rows("moments/t_us")

    @cached_property
    def _images(self) -> DirectColumn:
        return DirectColumn(self.array("frames/image"))

    @cached_property
    def _luminance(self) -> DirectColumn:
        return DirectColumn(self.array("moments/luminance"))

    @cached_property
    def split(self) -> str:
        """train, validation or test."""
        return str(self.group.attrs["split"])

    @cached_property
    def sensors(self) -> dict[str, Any]:
        """What simulates the events: the JSON of SimulationOptions by data set."""
        sensors: Any = self.group.attrs["sensors"]
        return dict(sensors)

    def t_us(self, scene: int) -> NDArray[np.int64]:
        """Mid-exposure times int64 (n,) of a scene's frames."""
        return self._times[0][slice(*self.bounds("frame", scene))]

    def frame(self, scene: int, number: int) -> NDArray[np.uint8]:
        """A true frame: uint8 (H, W) gray or (H, W, 3) RGB."""
        size, channels = self.sensor_size(scene), int(self.column("channels", scene))
        self.place("frame", scene, number)
        values = size.height * size.width * channels
        first = self.bounds("image", scene)[0] + number * values
        image = self._images.rows(first, first + values)
        return image.reshape((size.height, size.width) if channels == 1 else (size.height, size.width, channels))

    def moments(self, scene: int, start_us: int, end_us: int) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """The moments from the last one at or before start_us to the first at or after end_us, and their times.

        uint16 (n, H, W), luminance in steps of 1/256 gray level; int64 (n,).
        """
        size, t_us = self.sensor_size(scene), self._times[1][slice(*self.bounds("moment", scene))]
        low = max(0, int(np.searchsorted(t_us, start_us, side="right")) - 1)
        high = min(len(t_us), int(np.searchsorted(t_us, end_us, side="left")) + 1)
        pixels, origin = size.height * size.width, self.bounds("luminance", scene)[0]
        values = self._luminance.rows(origin + low * pixels, origin + high * pixels)
        return values.reshape(-1, size.height, size.width), t_us[low:high]


def scene_problems(path: Path, _group: zarr.Group) -> Iterator[str]:
    """What contradicts docs/formats.md in the scene store at `path`."""
    store = SceneStore(path)
    for scene, name in enumerate(store.ids):
        t_us = store.t_us(scene)
        moments, moment_us = store.moments(scene, int(t_us[0]), int(t_us[-1]))
        if (np.diff(t_us) <= 0).any() or (np.diff(moment_us) <= 0).any():
            yield f"times do not increase within scene {name}"
        if moment_us[0] != t_us[0] or moment_us[-1] != t_us[-1]:
            yield f"the moments of scene {name} do not reach from its first frame to its last"
        if moments.max() > WHITE:
            yield f"moments/luminance reaches {moments.max()} in scene {name}, beyond {WHITE}"

"""The clip store: events of a few hundred clips (septuplets) one after the other, with links to their frames.

docs/formats.md is the contract of the layout. Frames stay where they are: path relative to the store's folder, and
SHA-256, checked at every read.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.atomic import writing
from evfi.io.event_columns import EventColumns, EventColumnsWriter
from evfi.io.images import decode_image
from evfi.io.opened import ShardStore
from evfi.io.stores import ColumnWriter, StoreKind, create_group, finish_store, write_column
from evfi.provenance import digest_bytes
from evfi.types import Events, SensorSize

CLIPS = StoreKind("evfi.clips", version=1)
_DIGEST_BYTES = 32  # of SHA-256
_PIXEL_ARRAYS = ("pixel_contrast_pos", "pixel_contrast_neg")


@dataclass(frozen=True, eq=False, slots=True)
class Clip:
    """One clip to be stored.

    t_us int64 (n,): times of its frames; events in [t_us[0], t_us[-1]) usually. contrast_pos, contrast_neg: the
    thresholds its events were simulated with. seed: its own. subframes int (n - 1,): upsampled frames per interval.
    pixel_contrast: the positive and the negative thresholds of every pixel, (H, W) each, where they differ.
    """

    clip_id: str
    events: Events
    t_us: NDArray[np.int64]
    frame_paths: tuple[Path, ...]
    frame_sha256: tuple[str, ...]
    contrast_pos: float
    contrast_neg: float
    seed: int
    subframes: NDArray[np.integer]
    pixel_contrast: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None

    def __post_init__(self) -> None:
        n = len(self.t_us)
        if n < 1 or len(self.frame_paths) != n or len(self.frame_sha256) != n or len(self.subframes) != n - 1:
            raise UserError(
                f"clip {self.clip_id}: {n} times need as many paths and digests and one interval fewer, got "
                f"{len(self.frame_paths)}, {len(self.frame_sha256)} and {len(self.subframes)}"
            )
        size = self.events.sensor_size
        for pixels in self.pixel_contrast or ():
            if pixels.shape != (size.height, size.width):
                raise UserError(
                    f"clip {self.clip_id}: thresholds of every pixel of {size} need an array of that shape, got "
                    f"{pixels.shape}"
                )


def write_clip_store(
    out: Path,
    clips: Iterable[Clip],
    *,
    algo_version: int,
    seed: int,
    options: Mapping[str, Any] | None = None,
    stamp: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the store `out` (x.zarr), its receipt (x.json) and its stamp; return the receipt.

    Clips are taken one at a time, so memory does not grow with their number. An error on the way, also one that
    `clips` raises, leaves nothing under a final name.

    Args:
        options: what the clips were simulated with, for the receipt.
        stamp: more for x.provenance.json; read when all clips are taken.
    """
    with writing(out) as partial:
        group = create_group(partial)
        writer = _ClipsWriter(group, out.parent.resolve())
        for clip in clips:
            writer.add(clip)
        writer.finish()
        content = {
            "clip_ids": [clip.clip_id for clip in writer.kept],
            "seed": seed,
            "options": dict(options or {}),
            "event_count": writer.event_offsets[-1],
        }
        group.attrs.update(CLIPS.attributes)
        return finish_store(out, partial, CLIPS, algo_version=algo_version, content=content, stamp=stamp)


@dataclass(frozen=True, eq=False, slots=True)
class _Kept:
    clip_id: str
    sensor_size: SensorSize
    frames: int
    contrast_pos: float
    contrast_neg: float
    seed: int


class _ClipsWriter:
    def __init__(self, group: zarr.Group, base: Path) -> None:
        self.clips, self.frames, self.base = group.create_group("clips"), group.create_group("frames"), base
        self.events = EventColumnsWriter(group)
        self.pixels: dict[str, ColumnWriter] = {}
        self.kept: list[_Kept] = []
        self.event_offsets = [0]
        self.t_us: list[NDArray] = []
        self.subframes: list[NDArray] = []
        self.paths: list[str] = []
        self.digests: list[bytes] = []

    def add(self, clip: Clip) -> None:
        self._add_pixels(clip)
        self.events.append(clip.events)
        self.event_offsets.append(self.events.length)
        self.t_us.append(clip.t_us)
        self.subframes.append(np.asarray(clip.subframes, np.int32))
        self.paths += [os.path.relpath(path.resolve(), self.base) for path in clip.frame_paths]
        self.digests += [bytes.fromhex(digest) for digest in clip.frame_sha256]
        size = clip.events.sensor_size
        self.kept.append(_Kept(clip.clip_id, size, len(clip.t_us), clip.contrast_pos, clip.contrast_neg, clip.seed))

    def _add_pixels(self, clip: Clip) -> None:
        if not self.kept and clip.pixel_contrast is not None:
            self.pixels = {name: ColumnWriter(self.clips, name, np.dtype(np.float32)) for name in _PIXEL_ARRAYS}
        if bool(self.pixels) != (clip.pixel_contrast is not None):
            raise UserError(f"clip {clip.clip_id}: all clips of a store have thresholds of every pixel, or none has")
        for column, pixels in zip(self.pixels.values(), clip.pixel_contrast or (), strict=True):
            column.append(pixels.astype(np.float32).reshape(-1))

    def finish(self) -> None:
        self.events.finish()
        for column in self.pixels.values():
            column.finish()
        kept = self.kept
        frame_offsets = np.cumsum([0, *(clip.frames for clip in kept)])
        columns: dict[str, NDArray] = {
            "event_offset": np.array(self.event_offsets, np.int64),
            "frame_offset": frame_offsets.astype(np.int64),
            "height": np.array([clip.sensor_size.height for clip in kept], np.int32),
            "width": np.array([clip.sensor_size.width for clip in kept], np.int32),
            "contrast_pos": np.array([clip.contrast_pos for clip in kept], np.float64),
            "contrast_neg": np.array([clip.contrast_neg for clip in kept], np.float64),
            "seed": np.array([clip.seed for clip in kept], np.int64),
            "subframes": np.concatenate([np.empty(0, np.int32), *self.subframes]),
        }
        for name, values in columns.items():
            write_column(self.clips, name, values)
        self.clips.attrs["ids"] = [clip.clip_id for clip in kept]
        write_column(self.frames, "t_us", np.concatenate([np.empty(0, np.int64), *self.t_us]))
        write_column(self.frames, "sha256", np.frombuffer(b"".join(self.digests), np.uint8))
        self.frames.attrs.update({"mode": "link", "paths": self.paths})


def open_clips(path: Path) -> "ClipStore":
    """The clip store at `path`, for reading; errors as `OpenedStore.opened`."""
    return ClipStore.opened(path)


class ClipStore(ShardStore):
    """A store of clips, for reading. Clips and frames are numbered from 0."""

    kind = CLIPS
    parts = "clips"
    columns = ("event_offset", "frame_offset", "height", "width", "contrast_pos", "contrast_neg", "seed", "subframes")

    @cached_property
    def _events(self) -> EventColumns:
        return EventColumns(self.group, self.path)

    @cached_property
    def _pixel_offset(self) -> NDArray[np.int64]:
        pixels = self._columns["height"].astype(np.int64) * self._columns["width"]
        return np.concatenate([[0], np.cumsum(pixels)])

    @cached_property
    def _t_us(self) -> NDArray[np.int64]:
        return self.rows("frames/t_us")

    @cached_property
    def _frame_sha256(self) -> NDArray[np.uint8]:
        return self.rows("frames/sha256").reshape(-1, _DIGEST_BYTES)

    @cached_property
    def _frame_paths(self) -> list[str]:
        return list(self.group["frames"].attrs["paths"])  # pyright: ignore[reportArgumentType]

    @property
    def event_count(self) -> int:
        """Events of all clips."""
        return len(self._events)

    def contrast(self, clip: int) -> tuple[float, float]:
        """Thresholds (positive, negative) that a clip was simulated with."""
        return float(self.column("contrast_pos", clip)), float(self.column("contrast_neg", clip))

    def pixel_contrast(self, clip: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Thresholds (positive, negative) of every pixel of a clip, (H, W) each; None: all had those of `contrast`."""
        size = self.sensor_size(clip)
        if f"clips/{_PIXEL_ARRAYS[0]}" not in self.group:
            return None
        first, end = self._pixel_offset[clip : clip + 2]
        pos, neg = (self.rows(f"clips/{name}", int(first), int(end)) for name in _PIXEL_ARRAYS)
        return pos.reshape(size.height, size.width), neg.reshape(size.height, size.width)

    def t_us(self, clip: int) -> NDArray[np.int64]:
        """Times int64 (n,) of a clip's frames."""
        return self._t_us[slice(*self.bounds("frame", clip))]

    def subframes(self, clip: int) -> NDArray[np.int32]:
        """Upsampled frames per interval, int32 (n - 1,)."""
        first, end = self.bounds("frame", clip)
        # A clip has one interval fewer than frames, and so have all before it.
        return self._columns["subframes"][first - clip : end - clip - 1]

    def events(self, clip: int, start_us: int | None = None, end_us: int | None = None) -> Events:
        """Events of a clip; with bounds, those of the half-open window [start_us, end_us) (None: no bound).

        Raises:
            UserError: the window is empty.
        """
        events = self._events.events(*self.bounds("event", clip), self.sensor_size(clip))
        if start_us is None and end_us is None:
            return events
        bounds = np.iinfo(np.int64)
        return events.window(
            bounds.min if start_us is None else int(start_us), bounds.max if end_us is None else int(end_us)
        )

    def frame_path(self, clip: int, number: int) -> Path:
        """Where the file of a frame lies."""
        return self.path.parent.resolve() / self._frame_paths[self.place("frame", clip, number)]

    def frame(self, clip: int, number: int) -> NDArray[np.uint8]:
        """A frame of a clip as uint8 (H, W, 3) RGB (gray files replicated).

        Raises:
            MissingInputError: the file that the store points to is gone.
            InputFileError: it has changed since the events were made from it.
        """
        path = self.frame_path(clip, number)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MissingInputError(
                f"frame {path} of clip {self.ids[clip]} cannot be read ({error.strerror}): {self.path} points to "
                "it; restore the file, or simulate again"
            ) from error
        if digest_bytes(data) != self._frame_sha256[self.place("frame", clip, number)].tobytes().hex():
            raise InputFileError(f"{path} has changed since {self.path} was made from it: simulate again")
        image = decode_image(data, path)
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

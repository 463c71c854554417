"""Where inserted frames go, by the output's ending: MP4, animated WebP or GIF, a frame store, a folder of PNGs."""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from evfi.errors import UserError
from evfi.io.atomic import locked, writing
from evfi.io.gif import write_gif
from evfi.io.images import TIMES_FILE, write_png
from evfi.io.recording import RECORDING, RecordingWriter
from evfi.io.stores import finish_store
from evfi.io.video import write_video, write_webp
from evfi.progress import tracked
from evfi.samples.sample import Image
from evfi.types import Frames, SensorSize
from evfi.versions import ALGO_VERSIONS

OutputKind = Literal["mp4", "webp", "gif", "store", "png"]
TimedFrame = tuple[Image, int]
_KINDS: dict[str, OutputKind] = {".mp4": "mp4", ".webp": "webp", ".gif": "gif", ".zarr": "store", "": "png"}
# WebP and GIF are compressed as a whole, so that all frames are held in memory.
_ANIMATION_BYTES = 1 << 30
_FEWEST_DIGITS = 6
_OWN_FILE = re.compile(r"\d{6,}\.png|timestamps\.txt|exposures\.txt")


def output_kind(out: Path) -> OutputKind:
    """What the output's ending asks for: .mp4, .webp, .gif, .zarr, or none for a folder of PNGs.

    Raises:
        UserError: any other ending.
    """
    if out.suffix.lower() not in _KINDS:
        raise UserError(
            f"the output must end in .mp4, .webp, .gif or .zarr, or have no ending (a folder of PNGs), got {out}"
        )
    return _KINDS[out.suffix.lower()]


def check_output(out: Path, kinds: Collection[OutputKind] = tuple(_KINDS.values())) -> None:
    """Refuse an output before any work is done for it.

    Raises:
        UserError: an unknown ending, or a folder that holds anything but an earlier result.
        OutputError: the place cannot be written.
    """
    kind = output_kind(out)
    if kind not in kinds:
        raise UserError(f"{out} must be one of: {', '.join(kinds)}")
    if out.is_dir() and kind != "store":
        foreign = sorted(item.name for item in out.iterdir() if not _OWN_FILE.fullmatch(item.name))
        if foreign or out.suffix:
            what = foreign[0] if foreign else "a folder"
            raise UserError(f"{out} is a folder that holds other things ({what}): choose a new name for the output")
    with locked(out):
        pass


def write_frames(out: Path, frames: Iterable[TimedFrame], *, total: int, fps: float) -> None:
    """Write frames one by one, uint8 (H, W) or (H, W, 3), to `out` as its ending says.

    Args:
        frames: with their times in µs, rising; a PNG folder keeps those in timestamps.txt, a store with the frames.
        total: how many there will be, for the progress line.
        fps: playback rate of a video.

    Raises:
        UserError: as `check_output`; an animation that is too long to be held in memory.
        OutputError: as `check_output`; or the disk is full.
    """
    shown = tracked(frames, total=total, label=out.name, unit="frame")
    images = (image for image, _ in shown)
    kind = output_kind(out)
    if kind == "mp4":
        write_video(out, images, fps)
    elif kind == "webp":
        write_webp(out, _few(out, images), fps)
    elif kind == "gif":
        write_gif(out, _few(out, images), fps)
    elif kind == "store":
        _write_store(out, shown)
    else:
        _write_folder(out, shown, digits=max(_FEWEST_DIGITS, len(str(total))))


def _few(out: Path, frames: Iterable[Image]) -> Iterator[Image]:
    used = 0
    for frame in frames:
        used += frame.nbytes
        if used > _ANIMATION_BYTES:
            raise UserError(
                f"{out} would hold more than {_ANIMATION_BYTES >> 20} MiB of frames, all kept in memory for "
                f"a {out.suffix}: write an .mp4, or shorten it by --start and --end"
            )
        yield frame


def _write_folder(out: Path, frames: Iterator[TimedFrame], digits: int) -> None:
    with writing(out) as partial:
        partial.mkdir()
        with (partial / TIMES_FILE).open("w", encoding="ascii") as times:
            for number, (image, t_us) in enumerate(frames):
                write_png(partial / f"{number:0{digits}d}.png", image)
                times.write(f"{t_us}\n")


def _write_store(out: Path, frames: Iterator[TimedFrame]) -> None:
    """A recording store with frames and no events."""
    with writing(out) as partial:
        store, count = None, 0
        for image, t_us in frames:
            if store is None:
                store = RecordingWriter(partial, SensorSize(height=image.shape[0], width=image.shape[1]))
            store.add_frames(Frames.without_exposure(image[None], np.array([t_us], np.int64)))
            count += 1
        if store is None:
            raise UserError(f"no frame to write into {out}: give at least one")
        store.finish()
        content = {"counts": {"frames": count}}
        finish_store(out, partial, RECORDING, algo_version=ALGO_VERSIONS["interpolation"], content=content)

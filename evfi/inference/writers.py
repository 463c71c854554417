"""Where inserted frames go: an MP4, an animated WebP, or a folder of PNGs with their times, by the output's ending."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from evfi.errors import UserError
from evfi.inference.windows import Times
from evfi.io.atomic import locked, writing
from evfi.io.images import TIMES_FILE, write_png
from evfi.io.video import write_video, write_webp
from evfi.progress import tracked
from evfi.samples.sample import Image

OutputKind = Literal["mp4", "webp", "png"]
_KINDS: dict[str, OutputKind] = {".mp4": "mp4", ".webp": "webp", "": "png"}
_OWN_FILE = re.compile(r"\d{6,}\.png|timestamps\.txt|exposures\.txt")


def output_kind(out: Path) -> OutputKind:
    """What the output's ending asks for: .mp4, .webp, or none for a folder of PNGs.

    Raises:
        UserError: any other ending.
    """
    if out.suffix.lower() not in _KINDS:
        raise UserError(f"the output must end in .mp4 or .webp, or have no ending (a folder of PNGs), got {out}")
    return _KINDS[out.suffix.lower()]


def check_output(out: Path) -> None:
    """Refuse an output before any work is done for it.

    Raises:
        UserError: an unknown ending, or a folder that holds anything but an earlier result.
        OutputError: the place cannot be written.
    """
    output_kind(out)
    if out.is_dir():
        foreign = sorted(item.name for item in out.iterdir() if not _OWN_FILE.fullmatch(item.name))
        if foreign or out.suffix:
            what = foreign[0] if foreign else "a folder"
            raise UserError(f"{out} is a folder that holds other things ({what}): choose a new name for the output")
    with locked(out):
        pass


def write_frames(out: Path, frames: Iterable[Image], times: Times, *, fps: float) -> None:
    """Write frames one by one, uint8 (H, W) or (H, W, 3), to `out` as its ending says.

    Args:
        times: int64 µs (N,), one a frame; a PNG folder keeps them in timestamps.txt.
        fps: playback rate of an MP4 or WebP.

    Raises:
        UserError, OutputError: as `check_output`; or the disk is full.
    """
    shown = tracked(frames, total=len(times), label=out.name, unit="frame")
    kind = output_kind(out)
    if kind == "mp4":
        write_video(out, shown, fps)
    elif kind == "webp":
        write_webp(out, shown, fps)
    else:
        _write_folder(out, shown, times)


def _write_folder(out: Path, frames: Iterator[Image], times: Times) -> None:
    digits = max(6, len(str(len(times))))
    with writing(out) as partial:
        partial.mkdir()
        for number, frame in enumerate(frames):
            write_png(partial / f"{number:0{digits}d}.png", frame)
        (partial / TIMES_FILE).write_text("".join(f"{t}\n" for t in times.tolist()))

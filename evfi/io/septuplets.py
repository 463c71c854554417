"""Vimeo90k septuplets and triplets: sequences/00001/0001/im1.png … im7.png (im3.png) and lists of clip ids. Walk the
lists, never the folders (19,265 of the septuplets' folders on disk were withdrawn)."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError
from evfi.io.images import read_image
from evfi.units import US_PER_S

FRAMES_PER_CLIP = 7
TRIPLET_FRAMES = 3
NOMINAL_FPS = 30  # Vimeo90k gives no time stamps
FRAME_INTERVAL_US = US_PER_S // NOMINAL_FPS
_CLIP_ID = re.compile(r"\d{5}/\d{4}")


def read_list(path: Path) -> list[str]:
    """Clip ids such as "00001/0001" of a list file, in its order; blank lines are skipped.

    Raises:
        MissingInputError: no such file.
        InputFileError: a line that is no clip id, an id given twice, or no id at all.
    """
    if not path.is_file():
        raise MissingInputError(
            f"no septuplet list at {path}: expected e.g. sep_trainlist.txt or tri_testlist.txt of Vimeo90k"
        )
    seen: dict[str, int] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        clip_id = line.strip()
        if not clip_id:
            continue
        if not _CLIP_ID.fullmatch(clip_id):
            raise InputFileError(f"{path}, line {number}: expected an id such as 00001/0001, got {clip_id[:80]!r}")
        if clip_id in seen:
            raise InputFileError(f"{path}, line {number}: {clip_id} stands on line {seen[clip_id]} already: remove one")
        seen[clip_id] = number
    if not seen:
        raise InputFileError(f"{path} lists no clip: expected lines such as 00001/0001")
    return list(seen)


def frames_per_clip(root: Path, clip_ids: Sequence[str]) -> int:
    """3 in a tree of triplets, where no listed clip has an im4.png to im7.png but the first an im3.png; else 7."""
    third, later = TRIPLET_FRAMES - 1, slice(TRIPLET_FRAMES, None)
    is_triplet = septuplet_paths(root, clip_ids[0])[third].is_file() and not any(
        path.is_file() for clip_id in clip_ids for path in septuplet_paths(root, clip_id)[later]
    )
    return TRIPLET_FRAMES if is_triplet else FRAMES_PER_CLIP


def septuplet_paths(root: Path, clip_id: str, frames: int = FRAMES_PER_CLIP) -> list[Path]:
    """The image paths of a clip (whether they exist or not); `root` holds the folder sequences/."""
    return [root / "sequences" / clip_id / f"im{number}.png" for number in range(1, frames + 1)]


def septuplet_times_us(frames: int = FRAMES_PER_CLIP) -> NDArray[np.int64]:
    """Nominal times int64 (frames,) µs of a clip: 0, 33333, 66667, … (30 fps, rounded, from the clip's start)."""
    return np.array([round(k * US_PER_S / NOMINAL_FPS) for k in range(frames)], np.int64)


def read_septuplet(root: Path, clip_id: str) -> NDArray[np.uint8]:
    """The frames uint8 (7, H, W, 3) RGB of a clip (gray files are replicated to three channels).

    Raises:
        MissingInputError: the clip's folder or one of its images is absent.
        InputFileError: an image is damaged, or the sizes differ.
    """
    folder = root / "sequences" / clip_id
    if not folder.is_dir():
        raise MissingInputError(f"clip {clip_id} has no folder {folder}: take it off the list, or unpack it again")
    images = []
    for path in septuplet_paths(root, clip_id):
        image = read_image(path)
        images.append(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))
        if images[-1].shape != images[0].shape:
            raise InputFileError(
                f"{path} is {image.shape[1]}x{image.shape[0]}, im1.png {images[0].shape[1]}x{images[0].shape[0]}: "
                "all frames of a clip must share one size"
            )
    return np.stack(images)

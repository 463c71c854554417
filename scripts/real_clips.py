"""Thirteen short clips of real video for the benches, 448x256, from the files that EVFI_REAL_DATA names."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.flow.dis import DisFlow
from evfi.flow.interpolate import interpolate_pair
from evfi.io.images import read_image
from evfi.samples.sample import as_rgb

HEIGHT, WIDTH, FRAMES = 256, 448, 7
STEPS = 8
"""An interval is cut into this many, so that 7 frames become 49."""

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class RealClip:
    """Seven frames uint8 RGB (7, 256, 448, 3)."""

    name: str
    frames: NDArray[np.uint8]

    def upsampled(self) -> NDArray[np.uint8]:
        """49 gray frames (49, 256, 448), by DIS flow."""
        gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in self.frames]
        flow, frames = DisFlow(), [gray[0]]
        for one, other in pairwise(gray):
            taus = [step / STEPS for step in range(1, STEPS)]
            between = interpolate_pair(one, other, flow(one, other), flow(other, one), taus, hedge=0.0)
            frames += [*np.rint(between).astype(np.uint8), other]
        return np.stack(frames)


def real_data() -> Path | None:
    """The folder of real files (EVFI_REAL_DATA, else ../shared/data beside the project); None: it is not there."""
    folder = Path(os.environ.get("EVFI_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    return folder if folder.is_dir() else None


def real_clips(folder: Path) -> Iterator[RealClip]:
    """Four clips of GoPro at 240 and 80 fps, one Vimeo90k septuplet, eight of three videos (no cut inside)."""
    gopro = images(sorted((folder / "gopro240").glob("*.png")))
    for first, step in ((0, 1), (6, 1), (13, 1), (1, 3)):
        yield _clip(f"gopro240 {first}+{step}", gopro[first : first + FRAMES * step : step])
    yield _clip("vimeo90k", images(sorted((folder / "vimeo90k" / "degraded" / "block").glob("*.png"))))
    for name, firsts in (("vtest.avi", (100, 400, 700)), ("tree.avi", (5, 40)), ("bikes.mp4", (40, 100, 200))):
        frames = _video(folder / "video" / name, max(firsts) + FRAMES)
        for first in firsts:
            yield _clip(f"{name} {first}", frames[first : first + FRAMES])


def images(paths: list[Path]) -> list[Image]:
    """Files as RGB."""
    return [as_rgb(read_image(path)) for path in paths]


def _video(path: Path, count: int) -> list[Image]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while len(frames) < count:
        there, frame = capture.read()
        if not there:
            raise SystemExit(f"{path} has only {len(frames)} frames, expected {count}")
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return frames


def _clip(name: str, frames: list[Image]) -> RealClip:
    return RealClip(name, np.stack([_fitted(frame) for frame in frames]))


def _fitted(frame: Image) -> Image:
    """Scaled until both sides cover 448x256, then the middle of it."""
    scale = max(HEIGHT / frame.shape[0], WIDTH / frame.shape[1])
    size = (max(WIDTH, round(frame.shape[1] * scale)), max(HEIGHT, round(frame.shape[0] * scale)))
    scaled = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (size[1] - HEIGHT) // 2, (size[0] - WIDTH) // 2
    return np.ascontiguousarray(scaled[top : top + HEIGHT, left : left + WIDTH], np.uint8)

"""A file of events and the frames that belong to it: a folder of images with times, or a video."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.images import TIMES_FILE, frame_folder_contents, frame_folder_pieces
from evfi.io.importers.image_files import image_size
from evfi.io.importers.layout import Layout
from evfi.io.video_reader import VIDEO_ENDINGS, VideoReader, video_facts
from evfi.types import Frames

IMAGE_FOLDERS = ("frames", "images")


def with_frames(layout: Layout, frames: Path) -> Layout:
    """The layout of a file of events, and the frames at another path.

    Raises:
        UserError: the file of events has frames of its own.
        MissingInputError: nothing is there.
    """
    if layout.frames is not None:
        raise UserError(f"{layout.files[0]} has frames of its own: leave out --frames {frames}")
    if not frames.exists():
        raise MissingInputError(f"no frames at {frames}: expected a folder of PNGs with {TIMES_FILE}, or a video")
    if is_video(frames):
        facts = video_facts(frames)
        return replace(
            layout,
            files=(*layout.files, frames),
            frames=partial(_video_frames, frames),
            frame_t_us=facts.t_us,
            sensor_size=layout.sensor_size or facts.sensor_size,
        )
    if not frames.is_dir():
        raise InputFileError(f"{frames} is neither a folder of PNGs with {TIMES_FILE} nor a video")
    paths, t_us = frame_folder_contents(frames, None)
    return replace(
        layout,
        files=(*layout.files, *paths, frames / TIMES_FILE),
        frames=partial(_folder_frames, frames),
        frame_t_us=t_us,
        sensor_size=layout.sensor_size or image_size(paths[0]),
    )


def is_video(path: Path) -> bool:
    """A file with one of the usual endings of videos."""
    return path.is_file() and path.suffix.lower() in VIDEO_ENDINGS


def frames_beside(path: Path) -> Path | None:
    """The folder `frames` or `images` with its timestamps.txt beside a file of events; None where there is none."""
    found = [path.parent / name for name in IMAGE_FOLDERS if (path.parent / name / TIMES_FILE).is_file()]
    return found[0] if len(found) == 1 else None


def _folder_frames(folder: Path) -> Iterator[Frames]:
    yield from frame_folder_pieces(folder, None)


def _video_frames(path: Path) -> Iterator[Frames]:
    yield from VideoReader(path).pieces()

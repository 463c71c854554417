"""Still images and folders of frames. In memory: uint8, RGB or gray; on disk: 8-bit PNG (JPEG etc. are read too)."""

import struct
import zlib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.atomic import writing
from evfi.io.frame_pieces import TimedImage, stacked
from evfi.types import Frames
from evfi.units import US_PER_S

Image = NDArray[np.uint8]
Times = NDArray[np.int64]
_LARGEST_TIME = 1 << 62
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
TIMES_FILE, EXPOSURES_FILE = "timestamps.txt", "exposures.txt"
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_CHUNK_OVERHEAD = 12  # length, type and CRC of a PNG chunk


def read_image(path: Path) -> Image:
    """An image file as uint8 (H, W, 3) RGB, or (H, W) where the file is gray.

    Raises:
        MissingInputError: no such file.
        InputFileError: damaged, not an image, not 8 bits a channel, or transparent.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise MissingInputError(f"no image at {path}: check the path, or restore the file") from error
    return decode_image(data, path)


def decode_image(data: bytes, path: Path) -> Image:
    """The bytes of an image file as an array; `path` is named in errors. Same result and errors as `read_image`."""
    damage = None
    if data.startswith(_PNG_MAGIC):
        damage = _png_damage(data)
        data = data if damage else _without_profile(data)
    image = None if damage or not data else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        reason = damage or ("it is empty" if not data else "it cannot be decoded")
        raise InputFileError(f"{path} is not a whole image ({reason}): restore the file")
    if image.dtype != np.uint8:
        raise InputFileError(f"{path} has {8 * image.itemsize} bits a channel, expected 8: convert it to 8 bits first")
    if image.ndim == 3 and image.shape[2] == 4:
        if (image[..., 3] != 255).any():
            raise InputFileError(f"{path} has transparent pixels: flatten it to RGB or gray first")
        image = image[..., :3]
    if image.ndim == 2:
        return np.asarray(image, np.uint8)
    return np.ascontiguousarray(image[..., ::-1], np.uint8)


def write_png(path: Path, image: Image) -> None:
    """Write uint8 (H, W, 3) RGB or (H, W) gray as PNG; equal images give equal bytes.

    Raises:
        UserError: another shape or dtype.
        OSError: the place cannot be written.
    """
    path.write_bytes(encode_png(image, f" for {path}"))


def encode_png(image: Image, purpose: str = "") -> bytes:
    """The bytes of a PNG file; errors as `write_png`, `purpose` at their end."""
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or not image.size:
        raise UserError(f"a PNG needs uint8 (H, W) or (H, W, 3), got {image.dtype} {image.shape}{purpose}")
    ordered = image if image.ndim == 2 else image[..., ::-1]
    _, data = cv2.imencode(".png", np.ascontiguousarray(ordered))
    return data.tobytes()


def read_frame_folder(path: Path, time_unit: str | None = "s", *, fps: float | None = None) -> Frames:
    """All images of a folder in name order (PNG, JPEG, TIFF, …), with times from timestamps.txt (one a line).

    exposures.txt ("start end" in microseconds a line), where present, gives the exposure; else it is unknown and
    both its ends equal the time.

    Args:
        time_unit: of timestamps.txt: "s", "us", or None: µs where all are whole numbers, else seconds.
        fps: frame rate of a folder without timestamps.txt; its first frame is at 0.

    Raises:
        MissingInputError: the folder, its images, or timestamps.txt (without fps) are absent.
        InputFileError: damaged images, differing sizes, malformed or too few lines, times that do not increase.
        UserError: an unknown unit; fps not positive, or given beside timestamps.txt.
    """
    pieces = list(frame_folder_pieces(path, time_unit, fps=fps))
    joined = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in Frames.__slots__)
    return Frames(*joined)


def frame_folder_pieces(path: Path, time_unit: str | None = "s", *, fps: float | None = None) -> Iterator[Frames]:
    """A frame folder in pieces of at most 64 frames, in constant memory. As `read_frame_folder`."""
    yield from stacked(_folder_images(path, time_unit, fps))


def _folder_images(path: Path, time_unit: str | None, fps: float | None) -> Iterator[TimedImage]:
    paths, t_us = frame_folder_contents(path, time_unit, fps=fps)
    start_us, end_us = _exposures(path / EXPOSURES_FILE, t_us)
    shape = None
    for each, *times in zip(paths, t_us.tolist(), start_us.tolist(), end_us.tolist(), strict=True):
        image = read_image(each)
        shape = shape or image.shape
        if image.shape != shape:
            raise InputFileError(
                f"{each} has shape {image.shape}, the first frame {shape}: all frames must share one size"
            )
        yield image, *times


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_ENDINGS)


def frame_folder_contents(
    path: Path, time_unit: str | None = "s", *, fps: float | None = None
) -> tuple[list[Path], Times]:
    """Paths of a frame folder's images in order and their times int64 µs. As `read_frame_folder`."""
    if not path.is_dir():
        raise MissingInputError(f"no frame folder at {path}: expected a folder of images and {TIMES_FILE}")
    paths = image_files(path)
    if not paths:
        raise MissingInputError(f"{path} holds no images ({', '.join(IMAGE_ENDINGS)}): expected them and {TIMES_FILE}")
    times = path / TIMES_FILE
    if fps is not None:
        if times.is_file() or not 0 < fps < float("inf"):
            raise UserError(f"fps ({fps}) must be positive, and is only for folders without {TIMES_FILE}: {path}")
        return paths, np.array([round(k * US_PER_S / fps) for k in range(len(paths))], np.int64)
    if not times.is_file():
        raise MissingInputError(f"{path} has no {TIMES_FILE}: write one time a line, as many as images, or give fps")
    t_us = _read_times(times, time_unit)
    if len(t_us) != len(paths):
        raise InputFileError(f"{times} has {len(t_us)} times for {len(paths)} images: one line per image")
    return paths, t_us


def write_frame_folder(path: Path, frames: Frames) -> None:
    """Write 000000.png, …, timestamps.txt in microseconds, and exposures.txt where an exposure is known."""
    with writing(path) as partial:
        partial.mkdir(parents=True)
        for number, image in enumerate(frames.image):
            write_png(partial / f"{number:06d}.png", image)
        (partial / TIMES_FILE).write_text("".join(f"{t}\n" for t in frames.t_us.tolist()))
        ends = np.stack([frames.exposure_start_us, frames.exposure_end_us], axis=1)
        if (ends[:, 0] != ends[:, 1]).any():
            (partial / EXPOSURES_FILE).write_text("".join(f"{start} {end}\n" for start, end in ends.tolist()))


def _read_times(path: Path, time_unit: str | None) -> Times:
    """Increasing times in µs; exact also for epoch times in seconds, which float32 and float64 would round."""
    if time_unit not in (None, "s", "us"):
        raise UserError(f"the time unit of {path} must be s or us, got {time_unit!r}")
    values = [row[0] for row in _read_numbers(path, columns=1, whole=time_unit == "us")]
    in_seconds = time_unit == "s" or (time_unit is None and any(value % 1 for value in values))
    t_us = np.array([round(value * US_PER_S if in_seconds else value) for value in values], np.int64)
    falls = np.flatnonzero(np.diff(t_us) <= 0)
    if len(falls):
        raise InputFileError(
            f"{path}: times must increase, but number {falls[0] + 2} does not (read in {'s' if in_seconds else 'us'})"
        )
    return t_us


def _exposures(path: Path, t_us: Times) -> tuple[Times, Times]:
    """Starts and ends from exposures.txt; the times themselves where there is no such file."""
    if not path.is_file():
        return t_us, t_us
    rows = _read_numbers(path, columns=2, whole=True)
    if len(rows) != len(t_us):
        raise InputFileError(f"{path} has {len(rows)} lines for {len(t_us)} images: one line per image")
    start_us, end_us = np.array([[int(start), int(end)] for start, end in rows], np.int64).T
    if (start_us > t_us).any() or (end_us < t_us).any():
        raise InputFileError(f"{path}: every frame's time must lie between its exposure's start and end")
    return np.ascontiguousarray(start_us), np.ascontiguousarray(end_us)


def _read_numbers(path: Path, columns: int, *, whole: bool) -> list[list[Decimal]]:
    """Rows of numbers of a text file; blank lines are skipped."""
    rows = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        row = [_number(word) for word in words]
        if len(row) != columns or any(value is None or (whole and value % 1) for value in row):
            what = "whole microseconds" if whole else "seconds or microseconds"
            raise InputFileError(f"{path}, line {number}: expected {columns} number(s) in {what}, got {line[:80]!r}")
        rows.append(row)
    return rows


def _number(word: str) -> Decimal | None:
    try:
        value = Decimal(word)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < _LARGEST_TIME else None


def _png_damage(data: bytes) -> str | None:
    """What is wrong with a PNG file's chunks, or None. (OpenCV 4 returns half a picture in silence; 5 prints.)"""
    place = len(_PNG_MAGIC)
    while place + _CHUNK_OVERHEAD <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + _CHUNK_OVERHEAD + length
        if end > len(data):
            break
        kind = data[place + 4 : place + 8]
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != checksum:
            return f"its {kind.decode('latin-1')} chunk is damaged"
        if kind == b"IEND":
            return None
        place = end
    return "it is cut off"


def _without_profile(data: bytes) -> bytes:
    """A whole PNG without its colour profile: OpenCV does not apply it, but libpng prints what is wrong with it."""
    place = len(_PNG_MAGIC)
    while (kind := data[place + 4 : place + 8]) not in (b"IDAT", b"IEND"):
        end = place + _CHUNK_OVERHEAD + struct.unpack_from(">I", data, place)[0]
        if kind == b"iCCP":
            return data[:place] + data[end:]
        place = end
    return data

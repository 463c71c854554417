"""Other people's methods, measured on the same targets: a folder of PNGs, a Python function, or a TorchScript file.

None of them ever sees a target. A function and a TorchScript file run code of their own: one line of warning says so.
docs/evaluation.md has an example of each.
"""

import importlib.util
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from evfi.errors import EvfiError, InputFileError, MissingInputError, UserError
from evfi.evaluation.methods import Answer, Method
from evfi.evaluation.protocols import NOT_PREDICTED
from evfi.inference.quantise import as_float
from evfi.io.images import read_image
from evfi.provenance import digest_file, digest_folder
from evfi.representation.voxel import voxel_grid
from evfi.samples.needs import Needs
from evfi.samples.sample import Sample

log = logging.getLogger(__name__)
FloatFrame = NDArray[np.float32]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_TAKEN = ("baselines", "copy", "blend", "flow", "event_integration", "target", "events", "frame0", "frame1")
_SCRIPT_ENDINGS = (".pt", ".pth", ".ts")
_BINS = 5


class GuestSource(Protocol):
    """Where a guest's frames come from."""

    def frame(self, sample: Sample) -> NDArray[Any] | None:
        """uint8, or float in [0, 1], (H, W, 3) or (H, W); None where there is none for this target."""
        ...

    def digest(self) -> str:
        """SHA-256 of the file or folder."""
        ...


class Guest:
    """A method that is not evfi's, as a contestant.

    Args:
        text: NAME=PATH, as `evfi evaluate --method` takes it.

    Raises:
        UserError: the name or the path's kind is none that works.
        MissingInputError, InputFileError: the file is absent or damaged.
    """

    def __init__(self, text: str) -> None:
        name, _, path = text.partition("=")
        if not path:
            raise UserError(f"--method takes NAME=PATH, got {text!r}")
        self.method = Method(checked_name(name), name, family=name)
        self._source = _source(path)

    @property
    def needs(self) -> Needs:
        """Nothing beside boundary frames and events."""
        return Needs()

    @property
    def side_by_side(self) -> bool:
        """Not so: a guest may keep something between its calls."""
        return False

    def digest(self) -> str:
        """SHA-256 of what the method was read from."""
        return self._source.digest()

    def answers(self, samples: Sequence[Sample]) -> list[tuple[Answer, ...]]:
        """One frame a sample. Raises UserError where the guest fails, or gives something that is no frame."""
        return [(self._answer(sample),) for sample in samples]

    def _answer(self, sample: Sample) -> Answer:
        found = self._source.frame(sample)
        if found is None:
            return Answer(self.method, None, f"{NOT_PREDICTED}: no picture of it")
        return Answer(self.method, _checked(found, sample, self.method.name))


def checked_name(name: str) -> str:
    """A name that can stand in tables and in names of files.

    Raises:
        UserError: another one.
    """
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise UserError(
            f"a method's name has letters, digits, dots and dashes and is none of {', '.join(_TAKEN)}; got {name!r}"
        )
    return name


def _source(path: str) -> GuestSource:
    file, _, function = path.rpartition(":")
    if file.endswith(".py"):
        return _Function(Path(file), function)
    whole = Path(path)
    if whole.suffix in _SCRIPT_ENDINGS:
        return _Script(whole)
    if whole.is_dir():
        return _Folder(whole)
    if not whole.exists() and whole.suffix != ".py":
        raise MissingInputError(f"nothing at {path}: a method is a folder of PNGs, FILE.py:FUNCTION, or FILE.pt")
    raise UserError(f"{path} is no method: give a folder of PNGs, FILE.py:FUNCTION, or a TorchScript FILE.pt")


class _Folder:
    """PNGs named after the sample ids of the index, whose slashes are folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def frame(self, sample: Sample) -> NDArray[Any] | None:
        path = (self._folder / f"{sample.sample_id}.png").resolve()
        if not path.is_relative_to(self._folder):
            raise UserError(f"the picture of {sample.sample_id} lies outside of {self._folder}: copy it there")
        return read_image(path) if path.is_file() else None

    def digest(self) -> str:
        return digest_folder(self._folder)


class _Function:
    """`function(frame0, frame1, events, t0_us=…, t1_us=…, t_us=…)`: uint8 (H, W, 3), events in [t0_us, t1_us)."""

    def __init__(self, file: Path, name: str) -> None:
        self._file = file
        if not file.is_file():
            raise MissingInputError(f"no file {file}: --method takes NAME=FILE.py:FUNCTION")
        log.warning("%s is Python: the evaluation runs code from it", file)
        spec = importlib.util.spec_from_file_location("evfi_guest", file)
        if spec is None or spec.loader is None:
            raise InputFileError(f"{file} cannot be imported as Python")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise InputFileError(f"{file} cannot be imported: {_reason(error)}") from error
        function = getattr(module, name, None)
        if not callable(function):
            raise UserError(f"{file} has no function {name!r}: --method takes NAME=FILE.py:FUNCTION")
        self._function: Callable[..., Any] = function

    def frame(self, sample: Sample) -> NDArray[Any]:
        times = {"t0_us": sample.t0_us, "t1_us": sample.t1_us, "t_us": sample.t_us}
        try:
            return np.asarray(self._function(sample.frame0.copy(), sample.frame1.copy(), sample.events, **times))
        except Exception as error:
            raise UserError(f"{self._file} failed on {sample.sample_id}: {_reason(error)}") from error

    def digest(self) -> str:
        return digest_file(self._file)


class _Script:
    """`module(frame0, frame1, before, after, tau)`, float32 on the CPU, a batch of one.

    Frames (1, 3, H, W) in [0, 1]; before and after (1, 5, H, W): voxel grids of the events up to the target's time and
    from it on; tau (1,). It gives (1, 3, H, W) in [0, 1].
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        if not file.is_file():
            raise MissingInputError(f"no file {file}: --method takes a TorchScript file")
        log.warning("%s is a TorchScript file: the evaluation runs code from it", file)
        try:
            self._module = torch.jit.load(str(file), map_location="cpu").eval()
        except (RuntimeError, ValueError) as error:
            raise InputFileError(
                f"{file} cannot be read as TorchScript ({_reason(error)}): save one by torch.jit.save"
            ) from error

    def frame(self, sample: Sample) -> NDArray[Any]:
        frames = [
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(as_float(image), 2, 0)))[None]
            for image in (sample.frame0, sample.frame1)
        ]
        grids = [
            torch.from_numpy(voxel_grid(sample.events, bins=_BINS, start_us=start_us, end_us=end_us))[None]
            for start_us, end_us in ((sample.t0_us, sample.t_us), (sample.t_us, sample.t1_us))
        ]
        try:
            with torch.inference_mode():
                frame = self._module(*frames, *grids, torch.tensor([sample.tau], dtype=torch.float32))
            return np.moveaxis(frame[0].float().numpy(), 0, 2)
        except Exception as error:
            raise UserError(f"{self._file} failed on {sample.sample_id}: {_reason(error)}") from error

    def digest(self) -> str:
        return digest_file(self._file)


def _checked(found: NDArray[Any], sample: Sample, name: str) -> FloatFrame:
    """Float (H, W, 3); clamping and rounding are left to the metrics, as for every method."""
    image = np.repeat(found[..., None], 3, axis=2) if found.ndim == 2 else found
    is_image = image.dtype == np.uint8 or image.dtype.kind == "f"
    if image.shape != sample.frame0.shape or not is_image:
        raise UserError(
            f"{name} gave {found.dtype} {found.shape} for {sample.sample_id}, expected uint8, or float in [0, 1], "
            f"of shape {sample.frame0.shape}"
        )
    if image.dtype == np.uint8:
        return as_float(image)
    if not np.isfinite(image).all():
        raise UserError(f"{name} gave NaN or infinite values for {sample.sample_id}: expected a frame in [0, 1]")
    return image.astype(np.float32)


def _reason(error: Exception) -> str:
    if isinstance(error, EvfiError):
        return str(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__

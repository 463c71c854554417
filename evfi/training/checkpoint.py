"""Checkpoints of a running stage: atomic, checked, the last two kept, loadable without running code."""

import hashlib
import io
import logging
import os
import pickle
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from evfi.errors import OutputError, UserError

log = logging.getLogger(__name__)
_FORMAT = 1
_KEPT = 2
_NAME = re.compile(r"step-(\d{9})-([0-9a-f]{16})\.pt")


class CheckpointFolder:
    """Checkpoints `step-<step>-<start of SHA-256>.pt` of one run, known by its fingerprint.

    A file's name tells whether its bytes are whole. A checkpoint is a dict of tensors and primitives.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Write the state after `step` steps and drop all but the last two checkpoints.

        Raises:
            OutputError: it cannot be written; earlier checkpoints are untouched.
        """
        buffer = io.BytesIO()
        torch.save({"format": _FORMAT, "fingerprint": self.fingerprint, "step": step, **state}, buffer)
        data = buffer.getbuffer()
        path = self.folder / f"step-{step:09d}-{_digest(data)}.pt"
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(f"cannot write the checkpoint {path} ({error.strerror}): training stops here") from error
        for old in self._newest_first()[_KEPT:]:
            old.unlink(missing_ok=True)
        return path

    def load(self) -> dict[str, Any] | None:
        """The newest whole checkpoint, or None where there is none. Damaged ones are skipped with a warning.

        Raises:
            UserError: it belongs to another run.
        """
        for path in self._newest_first():
            state = self._read(path)
            if state is not None:
                return state
        return None

    def clear(self, *, keep: str) -> None:
        """Remove everything from the folder but the file of that name."""
        for path in self.folder.iterdir():
            if path.name == keep:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _read(self, path: Path) -> dict[str, Any] | None:
        data = path.read_bytes()
        name = _NAME.fullmatch(path.name)
        if name is None or _digest(data) != name[2]:
            log.warning("checkpoint %s is damaged (its bytes are not those written); using the one before it", path)
            return None
        try:
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            log.warning("checkpoint %s cannot be read (%s); using the one before it", path, error)
            return None
        if not isinstance(state, dict) or state.get("format") != _FORMAT:
            log.warning("checkpoint %s is of another format; using the one before it", path)
            return None
        if state["fingerprint"] != self.fingerprint:
            raise UserError(
                f"{path} belongs to another run (fingerprint {state['fingerprint']}, this run {self.fingerprint}): "
                f"give another state folder, or remove {self.folder}"
            )
        return state

    def _newest_first(self) -> list[Path]:
        return sorted((path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)


def _digest(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()[:16]

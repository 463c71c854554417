"""Files that other programs saved with torch."""

from pathlib import Path
from typing import Any

import torch

from evfi.errors import InputFileError


def plain_content(path: Path, remedy: str) -> Any:
    """What a torch file holds, on the CPU; nothing in it is executed (`weights_only`).

    Args:
        remedy: ends the line that says what is wrong: what to do.

    Raises:
        InputFileError: it is damaged, or holds more than plain tensors.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises anything
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputFileError(f"{path} is no PyTorch file of plain tensors ({first_line}): {remedy}") from error

"""Frozen dataclasses of tensors: stacked into batches, moved between devices, pinned by the loader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from evfi.errors import UserError


@dataclass(frozen=True, eq=False)
class Batch:
    """Base of a family's inputs: a frozen dataclass whose fields are tensors (or None where a sample has none)."""

    @classmethod
    def stacked(cls, items: Sequence[Self]) -> Self:
        """Items along a new first dimension.

        Raises:
            UserError: the items differ in size.
        """
        columns: dict[str, Tensor | None] = {}
        for field in fields(items[0]):
            values = [getattr(item, field.name) for item in items]
            if any(value is None for value in values):
                columns[field.name] = None
                continue
            shapes = {tuple(value.shape) for value in values}
            if len(shapes) > 1:
                raise UserError(
                    f"samples of one batch must share one size, got {field.name} of {sorted(shapes)}: set a crop"
                )
            columns[field.name] = torch.stack(values)
        return cls(**columns)

    def to(self, device: torch.device) -> Self:
        """The same tensors on a device."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """The same tensors in page-locked memory (called by torch's loader)."""
        return self.changed(lambda tensor: tensor.pin_memory())

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Every tensor changed."""
        columns: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            columns[field.name] = None if value is None else change(value)
        return replace(self, **columns)

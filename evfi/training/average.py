"""A moving average of the trained weights: smoother than the last step's, and what a stage then shows and exports."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

# The first steps count less: weights that are hardly better than random must not stay in the average.
_FIRST_STEPS = 10


class Average:
    """average = decay * average + (1 - decay) * weights after each step, in float32.

    The decay of step n (from 1) is at most n / (n + 10), so that a short training is averaged over what it has.

    Args:
        tensors: the weights that are followed, by name.
        decay: in (0, 1).
    """

    def __init__(self, tensors: Mapping[str, Tensor], decay: float) -> None:
        self._followed = dict(tensors)
        self._decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    def update(self, step: int) -> None:
        """Take in the weights after step number `step` (from 1)."""
        decay = min(self._decay, step / (step + _FIRST_STEPS))
        with torch.no_grad():
            for name, average in self.tensors.items():
                average.lerp_(self._followed[name], 1 - decay)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Back to a checkpoint's average."""
        _copy(tensors, self.tensors)

    def adopt(self) -> None:
        """Put the average in place of the weights for good."""
        _copy(self.tensors, self._followed)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The average in place of the weights, which come back afterwards bit for bit."""
        weights = {name: tensor.detach().clone() for name, tensor in self._followed.items()}
        self.adopt()
        try:
            yield
        finally:
            _copy(weights, self._followed)


def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(source[name])

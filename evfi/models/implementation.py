"""The torch side of a family: the functions its implementation module must have, and what they return."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from evfi.models.batch import Batch
from evfi.models.family import Recipe, Stage
from evfi.samples.sample import Sample


@dataclass(frozen=True, eq=False)
class StageLoss:
    """What a stage's objective gives for a batch, from one forward pass.

    Attributes:
        total: the loss to minimise.
        parts: its terms before weighting, without gradient, for the journal.
        frame: the frame this stage would show for the batch (unclamped), for validation's PSNR and pictures.
        starts: the same loss of what the stage starts from, by name, without gradient, for validation to compare with.
    """

    total: Float[Tensor, ""]
    parts: Mapping[str, Tensor]
    frame: Float[Tensor, "b 3 h w"]
    starts: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted frames, clamped to [0, 1], and the images on the way to them (clamped, by name)."""

    frame: Float[Tensor, "b 3 h w"]
    intermediates: Mapping[str, Float[Tensor, "b 3 h w"]]


class StageObjective(nn.Module, ABC):
    """Model and loss of a stage as one module, batch to StageLoss."""

    def beforehand(self, inputs: Any) -> Any:
        """What a batch gives that no step of the stage changes (frozen modules), without gradients; None for nothing.

        The trainer computes it for the next batch while a step runs.
        """
        return None

    @abstractmethod
    def forward(self, inputs: Any, beforehand: Any = None) -> StageLoss:
        """The loss of a batch; without `beforehand`, it is computed here."""


class Implementation(Protocol):
    """Functions of a family's implementation module.

    Inputs are a frozen dataclass derived from `Batch`, with at least the field `target`: (3, H, W) in [0, 1], or None.
    """

    def build(self, options: Any) -> nn.Module:
        """A model with fresh weights from torch's global generator; its submodules are those the stages name."""
        ...

    def prepare(self, sample: Sample) -> Batch:
        """Tensors of one sample on the CPU, without a batch dimension; runs in the loader's worker."""
        ...

    def collate(self, inputs: Sequence[Any]) -> Batch:
        """Prepared samples of one size as a batch."""
        ...

    def objective(self, stage: Stage, model: Any, recipe: Recipe) -> StageObjective:
        """Model and loss as one module, batch to StageLoss; frozen parts run without gradients."""
        ...

    def predict(self, model: Any, inputs: Any) -> Predictions:
        """Frames for a batch of any size, clamped, without gradients."""
        ...

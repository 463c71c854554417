"""Weights that predict frames: loads any family, prepares samples, runs the network, gives back plain arrays."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evfi.errors import InputFileError, UserError
from evfi.inference.quantise import averaged_channels, is_gray_sample
from evfi.models.family import Family, ModelOptions
from evfi.models.weights import LoadedModel, load_model
from evfi.nn.device import device_named
from evfi.nn.hourglass import limit_memory
from evfi.nn.precision import autocast, precision_note
from evfi.options import Precision
from evfi.samples.needs import TAU_TOLERANCE, Needs
from evfi.samples.sample import Sample

log = logging.getLogger(__name__)
FloatFrame = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Prediction:
    """A frame float32 (H, W, 3) in [0, 1] and the images on the way to it, by the family's names for them.

    Where both boundary frames of the sample are gray, all of them are gray too (the mean of the network's channels).
    """

    frame: FloatFrame
    intermediates: Mapping[str, FloatFrame]


class Predictor:
    """A network ready to predict.

    Args:
        loaded: model, family and options, as `evfi.models.weights.load_model` gives them.
        device: where it runs.
        batch_size: samples of one size that it sees at once; memory grows with it.
        precision: bf16 runs convolutions in bfloat16; the last layers, flows and sums stay float32.
        max_bytes: memory of one network's forward pass; frames that need more run in overlapping tiles. None = any.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        device: torch.device,
        batch_size: int = 4,
        precision: Precision = "fp32",
        max_bytes: int | None = None,
    ) -> None:
        self._loaded = loaded
        self._device = device
        self._precision: Precision = precision
        self.batch_size = batch_size
        limit_memory(loaded.model, max_bytes)
        # Another order in memory: 1.4 times as fast on a CPU (AMD EPYC, width 8, 240x180), the same within 1e-5.
        self._model = loaded.model.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @property
    def family(self) -> str:
        """The family's name, such as timelens."""
        return self._loaded.family.name

    @property
    def label(self) -> str:
        """The family's name in reports."""
        return self._loaded.family.label

    @property
    def needs(self) -> Needs:
        """What its samples must bring beside boundary frames and events."""
        return self._loaded.family.needs_of(self._loaded.options)

    @property
    def intermediates(self) -> tuple[str, ...]:
        """Names of the images that a prediction shows on the way to its frame."""
        return self._loaded.family.intermediates

    @property
    def options(self) -> ModelOptions:
        """The model's options."""
        return self._loaded.options

    @property
    def variants(self) -> Mapping[str, Mapping[str, Any]]:
        """Inference options by name that imported weights are evaluated with, too; none for weights trained here."""
        published = self._loaded.family.published
        return published.variants if published is not None and "imported" in self._loaded.meta else {}

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        """A prediction for each sample, in their order. Samples of different sizes go into batches of their own.

        Raises:
            InputFileError: the weights give values that are not finite.
            UserError: a time that the family cannot predict.
        """
        for sample in samples:
            if self.needs.middle_only and abs(sample.tau - 0.5) > TAU_TOLERANCE:
                raise UserError(
                    f"the family {self.family} predicts only the middle of two frames, {sample.sample_id} is at tau "
                    f"{sample.tau:.3f}: ask for the factor 2, 4 or 8, or use another family"
                )
        return [prediction for batch in self._batches(samples) for prediction in self._predicted(batch)]

    def _batches(self, samples: Sequence[Sample]) -> Iterator[list[Sample]]:
        batch: list[Sample] = []
        for sample in samples:
            if batch and (len(batch) == self.batch_size or batch[0].frame0.shape != sample.frame0.shape):
                yield batch
                batch = []
            batch.append(sample)
        if batch:
            yield batch

    def _predicted(self, batch: Sequence[Sample]) -> list[Prediction]:
        family: Family = self._loaded.family
        inputs = family.collate([family.prepare(sample) for sample in batch]).to(self._device)
        with autocast(self._device, self._precision):
            predictions = family.predict(self._model, inputs)
        frames = _channels_last(predictions.frame)
        parts = {name: _channels_last(images) for name, images in predictions.intermediates.items()}
        results = []
        for number, sample in enumerate(batch):
            if not np.isfinite(frames[number]).all():
                raise InputFileError(
                    f"the {self.family} weights predict values that are not finite for {sample.sample_id}: "
                    "their training went wrong; train again with a lower learning rate, or name other weights"
                )
            finish = averaged_channels if is_gray_sample(sample) else np.ascontiguousarray
            results.append(
                Prediction(finish(frames[number]), {name: finish(images[number]) for name, images in parts.items()})
            )
        return results


def load_predictor(
    weights: Path,
    *,
    device: str = "cpu",
    threads: int | None = None,
    batch_size: int = 4,
    precision: Precision = "fp32",
    max_bytes: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Predictor:
    """The network in a weights file.

    Args:
        device: "cpu", "cuda" or "cuda:N"; never replaced by another in silence.
        threads: of one operation (intra-op), set for the whole process; None leaves them. One and two threads may
            differ in the last bits.
        batch_size, precision, max_bytes: as in `Predictor`.
        options: inference options in place of those that the weights name (TimeLens: variant).

    Raises:
        MissingInputError, InputFileError: the file is absent, damaged, of an unknown family or an early stage.
        UserError: the device is unknown or not there, a number is below 1, or the weights fix one of the options.
    """
    numbers = {"batch size": batch_size, "threads": threads, "memory": max_bytes}
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UserError(f"{name} must be at least 1, got {number}")
    chosen = device_named(device)
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_model(weights, **(options or {}))
    if note := precision_note(precision, chosen):
        log.warning("%s: expect it to be slower than fp32", note)
    return Predictor(loaded, device=chosen, batch_size=batch_size, precision=precision, max_bytes=max_bytes)


def _channels_last(images: Tensor) -> FloatFrame:
    """(B, 3, H, W) on any device to float32 (B, H, W, 3) in memory."""
    return images.detach().float().cpu().permute(0, 2, 3, 1).numpy()

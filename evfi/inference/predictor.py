"""Weights that predict frames: loads any family, prepares samples, runs the network, gives back plain arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evfi.errors import InputFileError, UserError
from evfi.inference.quantise import averaged_channels, is_gray_sample
from evfi.models.family import Family
from evfi.models.weights import LoadedModel, load_model
from evfi.nn.device import device_named
from evfi.options import Options
from evfi.samples.needs import TAU_TOLERANCE, Needs
from evfi.samples.sample import Sample

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
    """

    def __init__(self, loaded: LoadedModel, *, device: torch.device, batch_size: int = 4) -> None:
        self._loaded = loaded
        self._device = device
        self.batch_size = batch_size
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
        return self._loaded.family.needs

    @property
    def intermediates(self) -> tuple[str, ...]:
        """Names of the images that a prediction shows on the way to its frame."""
        return self._loaded.family.intermediates

    @property
    def options(self) -> Options:
        """The model's options."""
        return self._loaded.options

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


def load_predictor(weights: Path, *, device: str = "cpu", threads: int | None = None, batch_size: int = 4) -> Predictor:
    """The network in a weights file.

    Args:
        device: "cpu", "cuda" or "cuda:N"; never replaced by another in silence.
        threads: of one operation (intra-op), set for the whole process; None leaves them. One and two threads may
            differ in the last bits.
        batch_size: samples that the network sees at once.

    Raises:
        MissingInputError, InputFileError: the file is absent, damaged, of an unknown family or an early stage.
        UserError: the device is unknown or not there, or a number is below 1.
    """
    if batch_size < 1 or (threads is not None and threads < 1):
        raise UserError(f"batch size and threads must be at least 1, got {batch_size} and {threads}")
    chosen = device_named(device)
    if threads is not None:
        torch.set_num_threads(threads)
    return Predictor(load_model(weights), device=chosen, batch_size=batch_size)


def _channels_last(images: Tensor) -> FloatFrame:
    """(B, 3, H, W) on any device to float32 (B, H, W, 3) in memory."""
    return images.detach().float().cpu().permute(0, 2, 3, 1).numpy()

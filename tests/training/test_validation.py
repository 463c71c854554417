from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evfi.models.batch import Batch
from evfi.models.implementation import StageLoss
from evfi.samples.sample import Image, Sample
from evfi.training.validation import validate
from evfi.types import Events, SensorSize

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Frame(Batch):
    frame: Tensor


class Echo(nn.Module):
    """Shows what it is given; its loss is the mean of it."""

    def forward(self, batch: Frame) -> StageLoss:
        assert not self.training
        assert not torch.is_grad_enabled()
        return StageLoss(total=batch.frame.mean(), parts={}, frame=batch.frame)


def sample_of(target: Image | None, height: int = 8, width: int = 10) -> Sample:
    frame = np.full((height, width, 3), 10, np.uint8)
    events = Events.empty(SensorSize(height=height, width=width))
    return Sample("a", "s", frame, frame + 100, target, events, t0_us=0, t1_us=2, t_us=1)


def gray(level: int, height: int = 8, width: int = 10) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def shown(level: float, height: int = 8, width: int = 10) -> Frame:
    return Frame(torch.full((1, 3, height, width), level))


def test_psnr_is_that_of_the_clamped_frame_and_averaged_over_samples() -> None:
    pairs = [(sample_of(gray(255)), shown(1.7)), (sample_of(gray(0)), shown(0.1))]
    found = validate(Echo(), pairs, CPU, "fp32")
    assert found is not None
    assert found.metrics["psnr"] == pytest.approx((100 + 20) / 2)
    assert found.metrics["loss"] == pytest.approx((1.7 + 0.1) / 2)


class Started(Echo):
    """An Echo that starts from half the frame."""

    def forward(self, batch: Frame) -> StageLoss:
        return replace(super().forward(batch), starts={"half": batch.frame.mean() / 2})


def test_what_a_stage_starts_from_is_measured_on_the_same_samples() -> None:
    found = validate(Started(), [(sample_of(gray(255)), shown(1.0)), (sample_of(gray(0)), shown(0.2))], CPU, "fp32")
    assert found is not None
    assert found.metrics["loss_of/half"] == pytest.approx(found.metrics["loss"] / 2)


def test_the_picture_shows_frame0_target_prediction_frame1_in_rows() -> None:
    found = validate(Echo(), [(sample_of(gray(60)), shown(0.2)), (sample_of(gray(90)), shown(0.4))], CPU, "fp32")
    assert found is not None
    assert found.picture.shape == (2 * 8 + 4, 4 * 10 + 3 * 4, 3)
    assert found.picture[0, [0, 14, 28, 42], 0].tolist() == [10, 60, 51, 110]
    assert found.picture[12, [0, 14, 28, 42], 0].tolist() == [10, 90, 102, 110]
    assert (found.picture[8:12] == 255).all()
    assert (found.picture[:, 10:14] == 255).all()


def test_frames_of_different_sizes_share_a_picture() -> None:
    pairs = [(sample_of(gray(60)), shown(0.2)), (sample_of(gray(60, 6, 6), 6, 6), shown(0.2, 6, 6))]
    found = validate(Echo(), pairs, CPU, "fp32")
    assert found is not None
    assert found.picture.shape == (8 + 4 + 6, 4 * 10 + 3 * 4, 3)


def test_a_picture_shows_at_most_four_samples_spread_over_all() -> None:
    pairs = [(sample_of(gray(20 * number)), shown(0.0)) for number in range(8)]
    found = validate(Echo(), pairs, CPU, "fp32")
    assert found is not None
    assert found.picture[::12, 14, 0].tolist() == [0, 40, 80, 120]


def test_without_samples_there_is_nothing_to_say() -> None:
    nothing: Iterator[tuple[Sample, Batch]] = iter(())
    assert validate(Echo(), nothing, CPU, "fp32") is None
    assert validate(Echo(), [(sample_of(None), shown(0.5))], CPU, "fp32") is None


def test_the_objective_goes_back_to_training() -> None:
    objective = Echo()
    validate(objective, [(sample_of(gray(0)), shown(0.5))], CPU, "fp32")
    assert objective.training

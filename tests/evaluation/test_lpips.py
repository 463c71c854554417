"""LPIPS as a metric: from the user's files, or "no weights". The distance itself: tests/nn/test_perceptual.py."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics

from evfi.errors import MissingInputError
from evfi.evaluation.lpips import lpips
from evfi.evaluation.options import LpipsOptions
from evfi.nn.perceptual import lpips_alex_distance

HEADS = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / "alex.pth"
SIZES = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> LpipsOptions:
    generator = torch.Generator().manual_seed(1)
    state = {}
    for number, (out, channels, kernel) in SIZES.items():
        scale = (2 / (kernel**2 * channels)) ** 0.5
        state[f"features.{number}.weight"] = torch.randn(out, channels, kernel, kernel, generator=generator) * scale
        state[f"features.{number}.bias"] = torch.zeros(out)
    path = tmp_path_factory.mktemp("alex") / "alexnet.pth"
    torch.save(state, path)
    return LpipsOptions(alex_weights=path, alex_heads=HEADS)


def test_a_frame_is_clamped_and_both_images_are_rgb_in_0_to_1(options: LpipsOptions) -> None:
    rng = np.random.default_rng(2)
    target = rng.integers(0, 256, (70, 90, 3), np.uint8)
    frame = (target / 255 + rng.normal(0, 0.2, target.shape)).astype(np.float32)
    figure = lpips(frame, target, "alex", options)
    assert options.alex_weights is not None
    distance = lpips_alex_distance(options.alex_weights, HEADS)
    images = [torch.tensor(np.clip(image, 0, 1), dtype=torch.float32) for image in (frame, target / 255)]
    expected = distance(*(image.permute(2, 0, 1)[None] for image in images))
    assert figure.value == pytest.approx(float(expected), rel=1e-5)
    assert lpips(target / 255, target, "alex", options).value == pytest.approx(0, abs=1e-9)
    assert figure.value > 0.01


def test_without_weights_there_is_no_figure(options: LpipsOptions) -> None:
    target = np.zeros((70, 90, 3), np.uint8)
    for network, given in (("vgg", options), ("alex", LpipsOptions()), ("alex", LpipsOptions(alex_heads=HEADS))):
        figure = lpips(target / 255, target, network, given)
        assert np.isnan(figure.value)
        assert figure.note == "no weights"


def test_frames_too_small_for_the_network_have_no_figure(options: LpipsOptions) -> None:
    target = np.zeros((40, 90, 3), np.uint8)
    assert "90x40" in lpips(target / 255, target, "alex", options).note


def test_weights_that_are_named_and_absent_are_an_error(tmp_path: Path) -> None:
    target = np.zeros((70, 90, 3), np.uint8)
    with pytest.raises(MissingInputError, match=r"absent\.pth"):
        lpips(target / 255, target, "alex", LpipsOptions(alex_weights=tmp_path / "absent.pth", alex_heads=HEADS))

import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.flow.pwc import PwcFlow
from evfi.flow.pwc_network import PwcNet, _correlation, _warped


def formula_state() -> dict[str, Tensor]:
    """Weights by formula (tests/golden/SOURCES.md), by the names of the public file."""

    def drawn(name: str, shape: torch.Size) -> Tensor:
        z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape), dtype=np.float32)
        return torch.from_numpy(z * np.float32(math.sqrt(1 / math.prod(shape[1:])) if len(shape) > 1 else 0.05))

    return {name: drawn(name, tensor.shape) for name, tensor in PwcNet().state_dict().items()}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pwc") / "pwc_net.pth.tar"
    # The public file is of the format from before PyTorch 1.6.
    torch.save(formula_state(), path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def flow(weights: Path) -> PwcFlow:
    return PwcFlow(weights)


def image(seed: int, shape: tuple[int, ...] = (30, 50)) -> np.ndarray:
    return np.random.default_rng(seed).integers(20, 200, shape, dtype=np.uint8)


def test_parameters_are_those_of_the_public_network() -> None:
    state = PwcNet().state_dict()
    assert len(state) == 128
    assert sum(tensor.numel() for tensor in state.values()) == 9_374_340
    sizes = {
        "conv1a.0.weight": (16, 3, 3, 3),
        "conv6aa.0.weight": (196, 128, 3, 3),
        "conv6a.0.weight": (196, 196, 3, 3),
        "conv6_0.0.weight": (128, 81, 3, 3),
        "conv5_0.0.weight": (128, 81 + 128 + 4, 3, 3),
        "conv2_4.0.weight": (32, 81 + 32 + 4 + 128 + 128 + 96 + 64, 3, 3),
        "predict_flow6.weight": (2, 81 + 448, 3, 3),
        "deconv2.weight": (2, 2, 4, 4),
        "upfeat3.weight": (81 + 64 + 4 + 448, 2, 4, 4),
        "dc_conv1.0.weight": (128, 81 + 32 + 4 + 448, 3, 3),
        "dc_conv7.bias": (2,),
    }
    assert {name: tuple(state[name].shape) for name in sizes} == sizes


def test_the_network_halves_six_times_and_answers_at_a_quarter() -> None:
    network = PwcNet().requires_grad_(False)
    assert network(torch.rand(1, 3, 64, 128), torch.rand(1, 3, 64, 128)).shape == (1, 2, 16, 32)


def test_a_flow_is_that_of_the_network_written_out(weights: Path, flow: PwcFlow) -> None:
    """One level after the other by their names, with unfolded correlation, as the public description has it."""
    a, b = image(0), image(1)
    state = torch.load(weights, weights_only=True)

    def conv(name: str, x: Tensor, **options: int) -> Tensor:
        x = functional.conv2d(x, state[f"{name}.0.weight"], state[f"{name}.0.bias"], **options)
        return functional.leaky_relu(x, 0.1)

    def plain(name: str, x: Tensor, up: bool = False) -> Tensor:
        if up:
            return functional.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1)
        return functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    def entered(x: np.ndarray) -> Tensor:
        values = torch.from_numpy(x).float()
        values = ((values - values.min()) / (values.max() - values.min())).expand(1, 3, -1, -1)
        return functional.interpolate(values, size=(128, 128), mode="bilinear", align_corners=True)

    def pyramid(x: Tensor) -> list[Tensor]:
        levels = [x]
        for level, names in enumerate(("a aa b", "a aa b", "a aa b", "a aa b", "a aa b", "aa a b"), start=1):
            for number, name in enumerate(names.split()):
                x = conv(f"conv{level}{name}", x, stride=1 if number else 2, padding=1)
            levels.append(x)
        return levels

    def correlation(x: Tensor, y: Tensor) -> Tensor:
        shifted = functional.unfold(y, 9, padding=4).view(1, y.shape[1], 81, *y.shape[-2:])
        return functional.leaky_relu((x[:, :, None] * shifted).mean(1), 0.1)

    one, two = pyramid(entered(a)), pyramid(entered(b))
    x = correlation(one[6], two[6])
    for level in (6, 5, 4, 3, 2):
        for number in range(5):
            x = torch.cat((conv(f"conv{level}_{number}", x, padding=1), x), 1)
        found = plain(f"predict_flow{level}", x)
        if level > 2:
            larger, features = plain(f"deconv{level}", found, up=True), plain(f"upfeat{level}", x, up=True)
            scale = {6: 0.625, 5: 1.25, 4: 2.5, 3: 5.0}[level]
            warped = _warped(two[level - 1], larger * scale)
            x = torch.cat((correlation(one[level - 1], warped), one[level - 1], larger, features), 1)
    for number, dilation in enumerate((1, 2, 4, 8, 16, 1), start=1):
        x = conv(f"dc_conv{number}", x, padding=dilation, dilation=dilation)
    quarter = (found + plain("dc_conv7", x)) * 20
    expected = functional.interpolate(quarter, size=(30, 50), mode="bilinear", align_corners=True)[0]
    expected = expected.permute(1, 2, 0).numpy() * [50 / 128, 30 / 128]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(flow(a, b), expected, atol=1e-3 * np.abs(expected).max())


def test_a_place_whose_source_is_partly_outside_is_zero() -> None:
    moved = _warped(torch.ones(1, 2, 4, 4), torch.full((1, 2, 4, 4), 0.5))
    assert moved[0, 0].tolist() == [[1, 1, 1, 0]] * 3 + [[0, 0, 0, 0]]


def test_correlation_is_the_mean_over_channels() -> None:
    ones = torch.ones(1, 7, 3, 3)
    assert float(_correlation(ones, ones)[0, 40, 1, 1]) == pytest.approx(1)


def test_a_gray_frame_and_its_rgb_copy_give_one_flow(flow: PwcFlow) -> None:
    a, b = image(2), image(3)
    found = flow(a, b)
    assert found.shape == (30, 50, 2)
    assert found.dtype == np.float32
    rgb = [np.repeat(frame[..., None], 3, axis=2) for frame in (a, b)]
    np.testing.assert_array_equal(flow(*rgb), found)


def test_a_constant_image_gives_a_finite_flow(flow: PwcFlow) -> None:
    assert np.isfinite(flow(np.full((20, 24), 128, np.uint8), image(4, (20, 24)))).all()


def test_the_name_tells_which_weights_were_used(flow: PwcFlow, tmp_path: Path) -> None:
    state = formula_state()
    state["dc_conv7.bias"] += 1
    torch.save({"state_dict": state}, tmp_path / "other.pth.tar")
    assert flow.name.startswith("pwc-")
    assert PwcFlow(tmp_path / "other.pth.tar").name != flow.name


def test_missing_weights_are_one_line() -> None:
    with pytest.raises(MissingInputError, match=r"no flow weights at nowhere\.tar: name PWC-Net's pwc_net\.pth\.tar"):
        PwcFlow(Path("nowhere.tar"))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"layer.weight": torch.zeros(2)}, path)
    with pytest.raises(InputFileError, match="does not hold PWC-Net"):
        PwcFlow(path)
    path.write_bytes(b"not a file of torch")
    with pytest.raises(InputFileError, match="no PyTorch file"):
        PwcFlow(path)


def test_frames_of_two_sizes_are_refused(flow: PwcFlow) -> None:
    with pytest.raises(UserError, match="one size"):
        flow(image(0), image(0, (20, 20)))

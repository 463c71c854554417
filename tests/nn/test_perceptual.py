"""Perceptual losses against a plain formulation, with random weights in the published layouts."""

import hashlib
import re
from pathlib import Path

import pytest
import torch
import torchmetrics
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from evfi.errors import InputFileError, MissingInputError
from evfi.io.images import read_image
from evfi.nn.perceptual import lpips_alex_distance, lpips_loss, vgg_loss

# VGG16's configuration D as the paper's table lists it: channels of 3x3 convolutions, M = pooling.
TABLE = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]


def random_vgg() -> dict[str, Tensor]:
    """He-scaled weights by torchvision's names, and one of the classifier, which nobody reads."""
    generator = torch.Generator().manual_seed(4)
    state, channels, number = {"classifier.0.bias": torch.zeros(3)}, 3, 0
    for entry in TABLE:
        if isinstance(entry, int):
            scale = (2 / (9 * channels)) ** 0.5
            state[f"features.{number}.weight"] = torch.randn(entry, channels, 3, 3, generator=generator) * scale
            state[f"features.{number}.bias"] = torch.randn(entry, generator=generator) * 0.1
            channels, number = entry, number + 1
        number += 1
    return state


def random_heads() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    sizes = (64, 128, 256, 512, 512)
    return {f"lin{k}.model.1.weight": torch.rand(1, size, 1, 1, generator=generator) for k, size in enumerate(sizes)}


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(random_vgg(), path)
    return path


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("heads") / "vgg.pth"
    torch.save(random_heads(), path)
    return path


def images(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(2, 3, 40, 36, generator=generator)
    return (target + 0.1 * torch.randn(2, 3, 40, 36, generator=generator)).clamp(0, 1), target


def plain_features(image: Tensor) -> list[Tensor]:
    """The output of every layer of VGG16, in torchvision's numbering."""
    state, outputs, number = random_vgg(), [], 0
    for entry in TABLE:
        if entry == "M":
            image = functional.max_pool2d(image, 2)
        else:
            image = functional.conv2d(
                image, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1
            )
            outputs.append(image)
            image, number = functional.relu(image), number + 1
        outputs.append(image)
        number += 1
    return outputs


def channels(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)


def test_vgg_is_the_mean_squared_difference_of_conv4_3(vgg: Path) -> None:
    image, target = images()
    mean, deviation = channels(0.485, 0.456, 0.406), channels(0.229, 0.224, 0.225)
    found, wanted = (plain_features((each - mean) / deviation)[21] for each in (image, target))
    assert found.shape[1] == 512
    assert float(vgg_loss(vgg)(image, target)) == pytest.approx(float((found - wanted).square().mean()), rel=1e-5)


def plain_lpips(image: Tensor, target: Tensor) -> float:
    shift, scale = channels(-0.030, -0.088, -0.188), channels(0.458, 0.448, 0.450)
    ours, theirs = (plain_features((2 * each - 1 - shift) / scale) for each in (image, target))
    total = 0.0
    for head, number in zip(random_heads().values(), (3, 8, 15, 22, 29), strict=True):
        one, two = (layers[number] / (layers[number].norm(dim=1, keepdim=True) + 1e-10) for layers in (ours, theirs))
        total += float(((one - two).square() * head).sum(dim=1).mean(dim=(1, 2)).mean())
    return total


def test_lpips_is_the_weighted_difference_of_unit_features_at_five_layers(vgg: Path, heads: Path) -> None:
    image, target = images()
    assert float(lpips_loss(vgg, heads)(image, target)) == pytest.approx(plain_lpips(image, target), rel=1e-4)


def test_the_published_heads_have_the_layout_that_is_read(vgg: Path) -> None:
    published = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / "vgg.pth"
    image, target = images()
    assert float(lpips_loss(vgg, published)(image, target)) > 0


# torchvision's AlexNet: number → (channels in, out, kernel, stride, padding)
ALEX = {0: (3, 64, 11, 4, 2), 3: (64, 192, 5, 1, 2), 6: (192, 384, 3, 1, 1), 8: (384, 256, 3, 1, 1)}
ALEX |= {10: (256, 256, 3, 1, 1)}


@pytest.mark.parametrize("pictures", ["random", "real"])
def test_lpips_on_alexnet_is_the_same_on_its_five_layers(
    tmp_path: Path, pictures: str, request: pytest.FixtureRequest
) -> None:
    generator = torch.Generator().manual_seed(6)
    state = {}
    for number, (channels_in, out, kernel, _, _) in ALEX.items():
        scale = (2 / (kernel**2 * channels_in)) ** 0.5
        state[f"features.{number}.weight"] = torch.randn(out, channels_in, kernel, kernel, generator=generator) * scale
        state[f"features.{number}.bias"] = torch.randn(out, generator=generator) * 0.1
    torch.save(state, tmp_path / "alexnet.pth")
    published = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / "alex.pth"
    heads = torch.load(published, weights_only=True, map_location="cpu")
    if pictures == "random":
        image, target = (torch.rand(1, 3, 90, 120, generator=generator) for _ in range(2))
    else:
        folder = request.getfixturevalue("real_data") / "gopro240"
        crops = [read_image(folder / f"{number:06d}.png")[200:290, 300:420] for number in (1, 5)]
        image, target = (torch.from_numpy(crop.copy()).permute(2, 0, 1)[None] / 255 for crop in crops)

    def features(picture: Tensor) -> list[Tensor]:
        shift, scale = channels(-0.030, -0.088, -0.188), channels(0.458, 0.448, 0.450)
        found, current = [], (2 * picture - 1 - shift) / scale
        for number, (_, _, _, stride, padding) in ALEX.items():
            if number in (3, 6):
                current = functional.max_pool2d(current, kernel_size=3, stride=2)
            weight, bias = state[f"features.{number}.weight"], state[f"features.{number}.bias"]
            current = functional.conv2d(current, weight, bias, stride=stride, padding=padding).clamp(min=0)
            found.append(current / (current.norm(dim=1, keepdim=True) + 1e-10))
        return found

    expected = sum(
        float(((one - two).square() * heads[f"lin{place}.model.1.weight"]).sum(dim=1).mean())
        for place, (one, two) in enumerate(zip(features(image), features(target), strict=True))
    )
    distance = lpips_alex_distance(tmp_path / "alexnet.pth", published)
    assert float(distance(image, target)) == pytest.approx(expected, rel=1e-4)
    assert float(distance(image, image)) == 0


def test_losses_are_zero_for_equal_images_and_give_gradients_to_the_image_alone(vgg: Path, heads: Path) -> None:
    for loss in (vgg_loss(vgg), lpips_loss(vgg, heads)):
        image, target = images()
        assert float(loss(target, target)) == 0
        image.requires_grad_()
        loss(image, target).backward()
        assert image.grad is not None
        assert image.grad.isfinite().all()
        assert image.grad.abs().sum() > 0
        assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_black_images_give_no_nan(vgg: Path, heads: Path) -> None:
    state = {name: torch.zeros_like(tensor) for name, tensor in random_vgg().items()}
    torch.save(state, vgg.with_name("zero.pth"))
    image = torch.zeros(1, 3, 32, 32, requires_grad=True)
    lpips_loss(vgg.with_name("zero.pth"), heads)(image, torch.zeros(1, 3, 32, 32)).backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()


def test_they_are_float32_under_autocast(vgg: Path, heads: Path) -> None:
    image, target = images()
    for loss in (vgg_loss(vgg), lpips_loss(vgg, heads)):
        with torch.autocast("cpu", torch.bfloat16):
            inside = loss(image, target)
        assert torch.equal(inside, loss(image, target))


def test_safetensors_are_read_too(vgg: Path, tmp_path: Path) -> None:
    save_file(random_vgg(), tmp_path / "vgg.safetensors")
    assert torch.equal(vgg_loss(tmp_path / "vgg.safetensors")(*images()), vgg_loss(vgg)(*images()))


def test_a_digest_in_the_files_name_is_checked(vgg: Path, tmp_path: Path) -> None:
    data = vgg.read_bytes()
    right = tmp_path / f"vgg16-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    right.write_bytes(data)
    vgg_loss(right)
    wrong = tmp_path / "vgg16-397923af.pth"
    wrong.write_bytes(data)
    with pytest.raises(InputFileError, match=r"vgg16-397923af\.pth is damaged: its name promises"):
        vgg_loss(wrong)


def test_an_absent_file_is_named(vgg: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nowhere\.pth"):
        lpips_loss(vgg, tmp_path / "nowhere.pth")


@pytest.mark.parametrize("damage", ["cut", "pickle", "other", "missing", "shape"])
def test_a_file_that_is_not_what_it_should_be_is_refused_in_one_line(vgg: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "vgg.pth"
    if damage == "cut":
        path.write_bytes(vgg.read_bytes()[:1000])
    elif damage == "pickle":
        torch.save({"features.0.weight": re.compile("code")}, path)
    elif damage == "other":
        torch.save([1, 2], path)
    else:
        state = random_vgg()
        tensor = state.pop("features.7.bias")
        torch.save(state if damage == "missing" else {**state, "features.7.bias": tensor[:3]}, path)
    with pytest.raises(InputFileError, match="vgg") as caught:
        vgg_loss(path)
    assert "\n" not in str(caught.value)
    if damage in ("missing", "shape"):
        assert "features.7.bias" in str(caught.value)

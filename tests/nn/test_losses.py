import pytest
import torch

from evfi.errors import UserError
from evfi.nn.losses import charbonnier, image_loss, l1, laplacian


@pytest.mark.parametrize("name", ["l1", "charbonnier", "laplacian"])
def test_a_loss_is_least_for_equal_images_and_grows_with_the_difference(name: str) -> None:
    loss = image_loss(name)
    image = torch.rand(2, 3, 40, 50)
    noise = torch.randn(2, 3, 40, 50)
    values = [float(loss(image + scale * noise, image)) for scale in (0, 0.01, 0.1)]
    assert values[0] == pytest.approx(0, abs=1.01e-3)
    assert values[0] < values[1] < values[2]


def test_l1_is_the_mean_absolute_difference() -> None:
    assert float(l1(torch.tensor([[[[0.0, 3.0]]]]), torch.tensor([[[[1.0, 1.0]]]]))) == 1.5


def test_charbonnier_of_a_large_difference_is_nearly_l1() -> None:
    image, target = torch.rand(1, 3, 8, 8) + 5, torch.rand(1, 3, 8, 8)
    assert float(charbonnier(image, target)) == pytest.approx(float(l1(image, target)), rel=1e-6)


def test_laplacian_of_a_constant_difference_lies_in_the_last_level_alone() -> None:
    image = torch.rand(1, 3, 64, 64)
    assert float(laplacian(image + 0.1, image)) == pytest.approx(2**4 * 0.1, rel=1e-4)


def test_laplacian_weighs_a_coarse_error_more_than_a_fine_one_of_equal_l1() -> None:
    target = torch.zeros(1, 1, 64, 64)
    checkers = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1
    coarse = (torch.arange(64)[:, None] // 16 + torch.arange(64) // 16) % 2 * 2.0 - 1
    fine, large = (image.expand(1, 1, 64, 64) for image in (checkers, coarse))
    assert float(l1(fine, target)) == float(l1(large, target))
    assert float(laplacian(large, target)) > 2 * float(laplacian(fine, target))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 7), (31, 33)])
def test_laplacian_takes_any_size_and_gives_gradients(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size, requires_grad=True)
    laplacian(image, torch.zeros(1, 3, *size)).backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert image.grad.abs().sum() > 0


def test_laplacian_is_float32_under_autocast() -> None:
    image, target = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = laplacian(image, target)
    assert torch.equal(inside, laplacian(image, target))


def test_an_unknown_loss_is_refused_with_the_choices() -> None:
    with pytest.raises(UserError, match="l1, charbonnier, laplacian"):
        image_loss("l3")

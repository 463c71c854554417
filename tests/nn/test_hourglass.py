import pytest
import torch
from torch.nn import functional

from evfi.nn.hourglass import Hourglass, Up, cropped, padded


def test_padding_goes_to_the_top_and_left_with_zeros() -> None:
    image = torch.ones(1, 2, 33, 40)
    larger = padded(image)
    assert larger.shape == (1, 2, 64, 64)
    assert torch.equal(larger[..., 31:, 24:], image)
    assert larger[..., :31, :].abs().sum() == 0
    assert larger[..., :24].abs().sum() == 0


def test_cropping_undoes_padding() -> None:
    image = torch.rand(2, 3, 37, 5)
    assert torch.equal(cropped(padded(image), 37, 5), image)


def test_a_multiple_of_32_is_not_padded() -> None:
    assert padded(torch.ones(1, 1, 64, 96)).shape == (1, 1, 64, 96)


def test_any_size_gives_the_size_back() -> None:
    network = Hourglass(2, 3, base_width=4)
    for height, width in ((1, 1), (31, 33), (32, 32), (50, 70)):
        assert network(torch.rand(1, 2, height, width)).shape == (1, 3, height, width)


def test_a_frame_that_needs_padding_equals_the_frame_padded_by_hand() -> None:
    network = Hourglass(1, 1, base_width=4)
    image = torch.rand(1, 1, 40, 60)
    by_hand = functional.pad(image, (4, 0, 24, 0))
    assert torch.allclose(network(image), network(by_hand)[..., 24:, 4:], atol=1e-6)


def test_upsampling_is_bilinear_with_align_corners_false() -> None:
    block = Up(1, 1)
    with torch.no_grad():
        for convolution in (block.conv1, block.conv2):
            convolution.weight.zero_()
            convolution.bias.zero_()
            convolution.weight[0, 0, 1, 1] = 1
    image = torch.tensor([[[[0.0, 4.0]]]])
    result = block(image, torch.zeros(1, 1, 2, 4))
    assert torch.allclose(result[0, 0, 0], torch.tensor([0.0, 1.0, 3.0, 4.0]))


def test_the_skip_connection_stands_after_the_decoded_channels() -> None:
    block = Up(1, 1)
    with torch.no_grad():
        block.conv2.weight.zero_()
        block.conv2.bias.zero_()
        block.conv2.weight[0, 1, 1, 1] = 1
    skip = torch.rand(1, 1, 4, 4)
    assert torch.allclose(block(torch.rand(1, 1, 2, 2), skip), skip)


def test_hidden_layers_leak_a_tenth_and_the_last_layer_is_linear() -> None:
    network = Hourglass(1, 1, base_width=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.conv2.bias.fill_(-1)  # through the first skip connection straight to the last decoder
        network.up5.conv2.weight[:, 4:, 1, 1] = torch.eye(4)
        network.conv3.weight[0, 0, 1, 1] = 1
        network.conv3.bias.fill_(-5)
    result = network(torch.zeros(1, 1, 32, 32))
    assert torch.allclose(result, torch.full_like(result, -5 - 0.1 * 0.1))


@pytest.mark.parametrize("width", [4, 8])
def test_channels_double_from_scale_to_scale_up_to_sixteen_times_the_width(width: int) -> None:
    network = Hourglass(5, 2, base_width=width)
    downs = [network.down1, network.down2, network.down3, network.down4, network.down5]
    assert [down.conv2.out_channels for down in downs] == [width * factor for factor in (2, 4, 8, 16, 16)]
    assert [down.conv1.kernel_size[0] for down in downs] == [5, 3, 3, 3, 3]
    ups = [network.up1, network.up2, network.up3, network.up4, network.up5]
    assert [up.conv2.out_channels for up in ups] == [width * factor for factor in (16, 8, 4, 2, 1)]


def test_bfloat16_keeps_the_last_layer_in_float32() -> None:
    network = Hourglass(1, 1, base_width=4)
    with torch.no_grad():
        network.conv3.weight.zero_()
        network.conv3.bias.fill_(8.03125)  # bfloat16 would round it to 8
        with torch.autocast("cpu", torch.bfloat16):
            result = network(torch.rand(1, 1, 32, 32))
    assert result.dtype == torch.float32
    assert torch.equal(result, torch.full_like(result, 8.03125))

"""Tiles with overlap equal the whole where the overlap is at least the network's reach."""

import pytest
import torch
from torch import Tensor

from evfi.errors import UserError
from evfi.models import build
from evfi.nn.hourglass import MULTIPLE, Hourglass, limit_memory, reach
from evfi.nn.tiling import tile_side, tiled

OVERLAP = -(-reach() // MULTIPLE) * MULTIPLE


@pytest.fixture(scope="module")
def hourglass() -> Hourglass:
    """Weights scaled so that the deepest path counts as much as the others (torch's default lets it fade)."""
    torch.manual_seed(0)
    network = Hourglass(2, 3, base_width=4).double().eval().requires_grad_(False)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.normal_(0, (2.0 / parameter[0].numel()) ** 0.5)
    return network


def strip(width: int, seed: int = 0) -> Tensor:
    return torch.randn(1, 2, 32, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_nothing_beyond_the_reach_changes_an_output_and_something_just_inside_does(hourglass: Hourglass) -> None:
    """The distance at which an input counts, found by looking: it is the one that follows from the layers."""
    width = 3 * 320
    farthest = 0
    for place in range(320, 320 + MULTIPLE):
        image = strip(width).requires_grad_()
        hourglass(image)[0, :, 0, place].square().sum().backward()
        assert image.grad is not None
        (columns,) = torch.nonzero(image.grad.abs().sum(dim=(0, 1, 2)), as_tuple=True)
        farthest = max(farthest, place - int(columns.min()), int(columns.max()) - place)
    assert farthest == reach() == 259


def test_tiles_with_the_reach_as_overlap_equal_the_whole(hourglass: Hourglass) -> None:
    """Beyond the reach nothing counts, so what is left is the order of sums: some units of float64's last place."""
    image = strip(1184)
    whole = hourglass._whole(image)
    tolerance = 100 * torch.finfo(torch.float64).eps * float(whole.abs().max())
    assert float((tiled(hourglass._whole, image, 96, OVERLAP) - whole).abs().max()) <= tolerance
    assert float((tiled(hourglass._whole, image, 96, 32) - whole).abs().max()) > 1000 * tolerance


def test_tiles_off_the_grid_of_halvings_are_not_the_whole(hourglass: Hourglass) -> None:
    """A tile that begins 16 pixels late has its cells of 32 pixels elsewhere, however much it sees."""
    image = strip(1184)
    shifted = hourglass._whole(image[..., 16 : 16 + 1152])[..., 400:600]
    assert float((shifted - hourglass._whole(image)[..., 416:616]).abs().max()) > 1e-10


@pytest.mark.parametrize("shape", [(2, 2, 70, 810), (1, 2, 1210, 40)])
def test_a_memory_limit_changes_no_output_and_keeps_the_limit(
    hourglass: Hourglass, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    whole, seen = hourglass(image), []
    run = hourglass._whole
    monkeypatch.setattr(hourglass, "_whole", lambda part: seen.append(part.shape[0] * part[0, 0].numel()) or run(part))
    limit_memory(hourglass, 12 * 8 * 4 * 96 * 660)
    try:
        limited = hourglass(image)
    finally:
        limit_memory(hourglass, None)
    assert torch.allclose(limited, whole, atol=1e-12)
    assert len(seen) > shape[0]
    assert max(seen) <= 96 * 660


def test_what_fits_runs_whole(hourglass: Hourglass) -> None:
    assert tile_side(64, 96, 32, 32, pixels=64 * 96) is None
    assert tile_side(64, 960, 32, 32, pixels=64 * 128) == 64


def test_a_limit_below_the_smallest_tile_is_refused_with_the_factor_that_helps() -> None:
    with pytest.raises(UserError, match=r"raise --max-memory 2\.0-fold"):
        tile_side(64, 960, 32, 32, pixels=64 * 48)


@pytest.mark.parametrize("name", ["convlstm", "wevi"])
def test_a_family_that_cannot_run_in_tiles_refuses_a_memory_limit_in_one_line(name: str) -> None:
    model = build(name)
    limit_memory(model, None)
    with pytest.raises(UserError, match="cannot run in tiles, so that --max-memory cannot be kept") as caught:
        limit_memory(model, 1 << 30)
    assert "\n" not in str(caught.value)

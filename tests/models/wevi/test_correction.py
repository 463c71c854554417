"""Stage 1 against the released network (tests/golden/SOURCES.md); tolerances are those of the vectors' notes."""

import pytest
import torch
from torch import Tensor

from evfi.models.wevi.correction import Correction
from evfi.models.wevi.network import Wevi
from tests.models.wevi.conftest import Vectors


def assert_close(ours: Tensor, expected: Tensor, tolerance: float) -> None:
    assert ours.shape == expected.shape
    assert float((ours - expected).abs().max()) <= tolerance


def test_an_odd_size_gives_the_released_frame_and_features(reference: Wevi, vectors: Vectors) -> None:
    given = vectors("stage1")
    height, width = given["warped0"].shape[-2:]
    ours = reference.correction(given["warped0"], given["warped1"], given["events_t"])
    assert_close(ours.frame, given["frame_stage1"], 5e-4)
    assert_close(ours.features4[:, :8, : height // 4, : width // 4], given["st4_first8"], 2e-4)
    assert_close(ours.features2[:, :8, : height // 2, : width // 2], given["st2_first8"], 5e-4)
    features1 = ours.features1[..., :height, :width]
    assert_close(features1[:, :8], given["st1_first8"], 5e-4)
    assert_close(features1.mean((2, 3)), given["st1_mean"], 1e-5)


def test_stage_1_has_the_parameters_of_the_source() -> None:
    module = Correction(32, padding="zeros")
    counts = {name: sum(item.numel() for item in child.parameters()) for name, child in module.named_children()}
    assert counts == {"events": 2_345_600, "frames": 2_345_024, "fusion": 10_753_743}
    assert sum(counts.values()) == 15_444_367


def test_shapes_at_176_by_240_are_those_of_the_source() -> None:
    module = Correction(8, padding="zeros")
    with torch.no_grad():
        result = module(torch.rand(1, 3, 176, 240), torch.rand(1, 3, 176, 240), torch.rand(1, 8, 176, 240))
    assert result.frame.shape == (1, 3, 176, 240)
    assert result.features4.shape == (1, 4 * 8, 44, 60)
    assert result.features2.shape == (1, 2 * 8, 88, 120)
    assert result.features1.shape == (1, 8, 176, 240)


@pytest.mark.parametrize(("padding", "differs"), [("zeros", False), ("replicate", True)])
def test_padding_matters_only_where_a_size_needs_it(padding: str, differs: bool) -> None:
    torch.manual_seed(0)
    zeros = Correction(8, padding="zeros").requires_grad_(False)
    other = Correction(8, padding=padding).requires_grad_(False)  # pyright: ignore[reportArgumentType]
    other.load_state_dict(zeros.state_dict())
    for size, expected in ((32, False), (36, differs)):
        given = [torch.rand(1, channels, size, size) for channels in (3, 3, 8)]
        assert torch.equal(zeros(*given).frame, other(*given).frame) is not expected


def test_the_frame_is_synthesised_and_no_input_is_added_to_it() -> None:
    module = Correction(8, padding="replicate", restores_contrast=False).requires_grad_(False)
    module.fusion.tail.weight.zero_()
    frame = module(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), torch.rand(1, 8, 32, 32)).frame
    assert torch.equal(frame, torch.zeros_like(frame))


@pytest.mark.parametrize(("restores_contrast", "follows"), [(True, True), (False, False)])
def test_the_frame_follows_brightness_and_contrast_which_the_sources_norms_lose(
    restores_contrast: bool, follows: bool
) -> None:
    torch.manual_seed(0)
    module = Correction(8, padding="replicate", restores_contrast=restores_contrast).requires_grad_(False)
    warped0, warped1 = (torch.rand(2, 3, 32, 32) * 2 - 1 for _ in range(2))
    events = torch.randn(2, 8, 32, 32)
    frame = module(warped0, warped1, events).frame
    even = torch.stack((warped0, warped1)).mean(dim=(0, 2, 3, 4))
    assert torch.allclose(frame.mean(dim=(1, 2, 3)), even, atol=1e-5) is follows
    dim = module(warped0 / 2 + 0.25, warped1 / 2 + 0.25, events).frame
    assert torch.allclose(dim, frame / 2 + 0.25, atol=1e-4) is follows
    if not follows:
        half = module(warped0 / 2, warped1 / 2, events).frame
        assert torch.allclose(half, frame, atol=1e-3), "half the contrast, and the source's frame does not change"


def test_an_even_surface_gives_finite_gradients() -> None:
    module = Correction(8, padding="replicate")
    even = torch.full((1, 3, 32, 32), 0.5)
    module(even, even, torch.zeros(1, 8, 32, 32)).frame.sum().backward()
    assert all(one.grad is None or one.grad.isfinite().all() for one in module.parameters())

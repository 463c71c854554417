"""Stage 2 against the released network run with floor division and align_corners True."""

import pytest
import torch
from torch import Tensor

from evfi.models.wevi.correction import Corrected, Correction
from evfi.models.wevi.manifest import WeviOptions
from evfi.models.wevi.network import Wevi
from evfi.models.wevi.refinement import Refinement
from evfi.nn.splat import forward_splat
from tests.models.wevi.conftest import Vectors


def worst(ours: Tensor, expected: Tensor) -> float:
    assert ours.shape == expected.shape
    return float((ours - expected).abs().max())


def test_the_whole_chain_gives_the_released_frames(reference: Wevi, vectors: Vectors) -> None:
    given = vectors("chain")
    warped0 = forward_splat(given["frame0"], given["flow_0_to_t_xy"]).image
    warped1 = forward_splat(given["frame1"], given["flow_1_to_t_xy"]).image
    assert worst(warped0, given["warped0"]) <= 5e-6
    assert worst(warped1, given["warped1"]) <= 5e-6
    corrected = reference.correction(warped0, warped1, given["events_t"])
    assert worst(corrected.frame, given["frame_stage1"]) <= 5e-4
    for level, name, tolerance in ((4, "st4", 2e-4), (2, "st2", 5e-4), (1, "st1", 5e-4)):
        assert worst(getattr(corrected, f"features{level}")[:, :8], given[f"{name}_first8"]) <= tolerance
    events = (given["events0"], given["events_t"], given["events1"])
    refined = reference.refinement(given["frame0"], given["frame1"], *events, corrected)
    for number, match in enumerate((refined.match0, refined.match1)):
        assert worst(match.similarity, given[f"similarity{number}"]) <= 5e-6
        assert torch.equal(match.hard, given[f"offset_hard{number}_xy"])
        assert worst(match.sub, given[f"offset_sub{number}_xy"]) <= 5e-4
    assert worst(refined.query4[:, :8], given["feature_t4_first8"]) <= 2e-4
    for level in (4, 2, 1):
        fetched = getattr(refined.fetched, f"at{level}")
        assert worst(fetched[:, :8], given[f"transfer{level}_first8"]) <= 4e-4
    assert worst(refined.frame, given["frame_stage2"]) <= 1e-3


def test_stage_2_has_the_parameters_of_the_source_without_its_dead_blocks() -> None:
    module = Refinement(32, overlap="constant")
    counts = {name: sum(item.numel() for item in child.parameters()) for name, child in module.named_children()}
    dead = 2 * 2 * (32 * 32 * 9 + 32)
    assert dead == 36_992
    assert counts == {"features": 142_368, "attention": 36_864, "decoder": 831_737 - dead}
    assert sum(counts.values()) == 1_010_969 - dead == 973_977


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("size", [(32, 48), (33, 50)])
def test_an_untrained_stage_2_gives_stage_1s_frame_exactly(exact: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = Wevi(WeviOptions(base_channels=8, reference_exact=exact)).requires_grad_(False)
    images = [torch.rand(2, 3, *size) for _ in range(4)]
    events = [torch.randint(-10, 11, (2, 8, *size)).float() for _ in range(3)]
    corrected = model.correction(images[0], images[1], events[1])
    refined = model.refinement(images[2], images[3], *events, corrected)
    assert torch.equal(refined.frame, corrected.frame)


def test_once_its_last_convolution_moves_stage_2_changes_the_frame() -> None:
    torch.manual_seed(0)
    module = Refinement(8, overlap="counted").requires_grad_(False)
    module.decoder.merge.tail.weight.add_(0.1)
    given = corrected_of(2, 32, 32)
    frames = [torch.rand(2, 3, 32, 32) for _ in range(2)]
    events = [torch.rand(2, 8, 32, 32) for _ in range(3)]
    assert not torch.equal(module(*frames, *events, given).frame, given.frame)


def corrected_of(batch: int, height: int, width: int) -> Corrected:
    module = Correction(8, padding="replicate").requires_grad_(False)
    return module(*(torch.rand(batch, channels, height, width) for channels in (3, 3, 8)))

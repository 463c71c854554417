"""What a step does to the gradient, and whose weights a stage starts from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils import get_total_norm

from evfi.errors import InputFileError
from tests.untrained import untrained

Train = Callable[..., dict[str, Any]]


@pytest.fixture
def norms(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The gradient's norm as the optimizer finds it at each step."""
    seen: list[float] = []
    step = torch.optim.Adam.step

    def noting(self: torch.optim.Adam, *arguments: Any, **others: Any) -> Any:
        gradients = [each.grad for group in self.param_groups for each in group["params"] if each.grad is not None]
        seen.append(float(get_total_norm(gradients)))
        return step(self, *arguments, **others)

    monkeypatch.setattr(torch.optim.Adam, "step", noting)
    return seen


@pytest.mark.parametrize("limit", [1e-3, None])
def test_the_gradients_norm_is_cut_down_to_the_recipes_and_else_left_alone(
    train: Train, tmp_path: Path, norms: list[float], limit: float | None
) -> None:
    train(tmp_path / "out", recipe={"grad_clip": limit})
    assert norms
    if limit is None:
        assert min(norms) > 1e-2
    else:
        assert norms == pytest.approx([limit] * len(norms), rel=1e-2)


def test_weights_of_another_family_are_refused_by_name(train: Train, tmp_path: Path) -> None:
    path = untrained(tmp_path / "other.safetensors", "convlstm")
    with pytest.raises(InputFileError, match=r"other\.safetensors.*convlstm.*timelens") as caught:
        train(tmp_path / "out", "refinement", starts={"synthesis": path, "warp": path})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()

import pytest
import torch

from evfi.errors import UserError
from evfi.nn.device import device_named


def test_the_cpu_is_always_there() -> None:
    assert device_named("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "", "cuda:x"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="cpu, cuda or cuda:N"):
        device_named(name)


def test_an_absent_gpu_is_refused_and_never_replaced_by_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="cuda:1 is not there"):
        device_named("cuda:1")

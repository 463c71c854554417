from pathlib import Path

import pytest
import torch

from evfi.nn.precision import autocast, intra_op_threads, precision_note

CPU = torch.device("cpu")


def cpu_info(folder: Path, flags: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(f"processor : 0\nflags\t\t: fpu avx512f {flags}\nbogomips : 1\n\nflags : other\n")
    return path


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_a_cpu_with_bf16_instructions_needs_no_note(tmp_path: Path, flag: str) -> None:
    assert precision_note("bf16", CPU, cpu_info(tmp_path, flag)) is None


def test_a_cpu_without_them_is_said_to_emulate(tmp_path: Path) -> None:
    assert precision_note("bf16", CPU, cpu_info(tmp_path, "avx512_vnni")) == "bf16 is emulated on this CPU"


def test_an_arm_cpu_lists_features(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("Features\t: fp asimd i8mm bf16\n")
    assert precision_note("bf16", CPU, path) is None


def test_float32_needs_no_note(tmp_path: Path) -> None:
    assert precision_note("fp32", CPU, cpu_info(tmp_path, "")) is None


def test_threads_are_exactly_those_asked_for_and_then_as_before() -> None:
    before = torch.get_num_threads()
    with intra_op_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast_follows_the_recipe(precision: str, dtype: torch.dtype) -> None:
    image, weight = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 3, 3)
    with autocast(CPU, precision):
        assert torch.nn.functional.conv2d(image, weight).dtype == dtype

"""Checkpoints of the released code, made here from its key lists and the weights by formula."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from evfi.cli.app import exit_code
from evfi.errors import InputFileError, MissingInputError
from evfi.models.importing import import_weights
from evfi.models.weights import load_model
from evfi.models.wevi.author_checkpoint import read_author_checkpoint, renamed
from evfi.models.wevi.manifest import WEVI, WeviOptions
from evfi.models.wevi.network import Wevi
from evfi.samples.sample import Sample

AuthorState = Callable[[str], dict[str, Tensor]]


def test_every_key_of_the_released_networks_finds_its_place(author_state: AuthorState) -> None:
    expected = Wevi(WeviOptions()).state_dict()
    ours = {**renamed(author_state("stage1"), "stage1"), **renamed(author_state("stage2"), "stage2")}
    assert set(ours) == set(expected)
    assert all(ours[name].shape == expected[name].shape for name in expected)


def test_no_two_keys_of_a_released_network_get_one_name(author_state: AuthorState) -> None:
    assert len(renamed(author_state("stage1"), "stage1")) == 191
    # 159 without the fit matrix, which is computed, and the two dead blocks of two convolutions
    assert len(renamed(author_state("stage2"), "stage2")) == 159 - 1 - 8


def test_a_checkpoint_file_is_read_with_module_in_front_of_its_names(author_state: AuthorState, tmp_path: Path) -> None:
    path = tmp_path / "bestEVI_epoch100.pth"
    stage1 = {f"module.{name}": tensor for name, tensor in author_state("stage1").items()}
    content = {"epoch": 100, "totalIter": 10800, "bestPSNR": 0, "Generator": stage1}
    torch.save(content, path)
    assert {name.split(".")[0] for name in read_author_checkpoint(path)} == {"correction"}
    torch.save({**content, "attnRefine": author_state("stage2")}, path)
    model = Wevi(WeviOptions())
    model.load_state_dict(read_author_checkpoint(path))
    assert torch.equal(model.state_dict()["correction.fusion.tail.bias"], stage1["module.fuseNet.ItStage1.3.bias"])


@pytest.mark.parametrize("stages", [("stage1",), ("stage1", "stage2")])
def test_a_released_file_is_imported_as_weights_that_predict(
    author_state: AuthorState, sample: Sample, tmp_path: Path, stages: tuple[str, ...]
) -> None:
    path, out = tmp_path / "bestEVI_epoch100.pth", tmp_path / "wevi.safetensors"
    entries = dict(zip(("stage1", "stage2"), ("Generator", "attnRefine"), strict=True))
    torch.save({entries[stage]: author_state(stage) for stage in stages}, path)
    assert exit_code(["import-weights", str(path), str(out), "--family", "wevi"]) == 0
    loaded = load_model(out)
    assert loaded.options == WeviOptions(reference_exact=True, polarity="released")
    prediction = loaded.family.predict(loaded.model, WEVI.collate([WEVI.prepare(sample)]))
    same = torch.equal(prediction.frame, prediction.intermediates["correction"])
    assert same is (stages == ("stage1",))


def test_a_released_file_without_a_key_is_refused(author_state: AuthorState, tmp_path: Path) -> None:
    path = tmp_path / "bestEVI_epoch100.pth"
    state = author_state("stage1")
    del state["fuseNet.ItStage1.3.bias"]
    torch.save({"Generator": state}, path)
    with pytest.raises(InputFileError, match=r"lacks correction\.fusion\.tail\.bias"):
        import_weights(WEVI, path, tmp_path / "wevi.safetensors")


def test_a_missing_checkpoint_is_one_line() -> None:
    with pytest.raises(MissingInputError, match=r"no checkpoint at nowhere\.pth"):
        read_author_checkpoint(Path("nowhere.pth"))


class Command:
    """What a malicious pickle would run."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return print, ("executed",)


@pytest.mark.parametrize("content", ["text", "pickle", "other"])
def test_a_file_that_is_no_checkpoint_is_refused_and_nothing_in_it_runs(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.pth"
    if content == "text":
        path.write_text("not a checkpoint")
    elif content == "pickle":
        path.write_bytes(pickle.dumps(Command()))
    else:
        torch.save({"state_dict": {}}, path)
    with pytest.raises(InputFileError, match=r"weights\.pth"):
        read_author_checkpoint(path)
    assert "executed" not in capsys.readouterr().out


def test_another_fit_matrix_is_refused(author_state: AuthorState) -> None:
    state = author_state("stage2")
    state["subAttnMatC"] = state["subAttnMatC"] * 1.01
    with pytest.raises(InputFileError, match="subAttnMatC"):
        renamed(state, "stage2")

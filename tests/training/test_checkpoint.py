import logging
from pathlib import Path

import pytest
import torch

from evfi.errors import OutputError, UserError
from evfi.training.checkpoint import CheckpointFolder


def state_of(step: int) -> dict[str, object]:
    return {"weights": torch.full((100,), float(step)), "means": {"count": step, "sums": {"loss": 0.5}}}


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path, "abc")


def names(folder: CheckpointFolder) -> list[str]:
    return sorted(path.name[:14] for path in folder.folder.iterdir())


def test_the_newest_checkpoint_comes_back_whole(folder: CheckpointFolder) -> None:
    for step in (100, 20):
        folder.save(step, state_of(step))
    state = folder.load()
    assert state is not None
    assert state["step"] == 100
    assert torch.equal(state["weights"], torch.full((100,), 100.0))
    assert state["means"] == {"count": 100, "sums": {"loss": 0.5}}


def test_an_empty_folder_has_none(folder: CheckpointFolder) -> None:
    assert folder.load() is None


def test_only_the_last_two_are_kept(folder: CheckpointFolder) -> None:
    for step in (1, 2, 3, 4):
        folder.save(step, state_of(step))
    assert names(folder) == ["step-000000003", "step-000000004"]


def test_a_checkpoint_loads_without_running_code(folder: CheckpointFolder) -> None:
    path = folder.save(3, state_of(3))
    assert torch.load(path, weights_only=True)["step"] == 3


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_off_checkpoint_is_recognised_and_its_predecessor_used(
    folder: CheckpointFolder, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    folder.save(1, state_of(1))
    path = folder.save(2, state_of(2))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with caplog.at_level(logging.WARNING):
        state = folder.load()
    assert state is not None
    assert state["step"] == 1
    assert f"{path.name} is damaged" in caplog.text


def test_a_flipped_bit_is_recognised(folder: CheckpointFolder) -> None:
    folder.save(1, state_of(1))
    path = folder.save(2, state_of(2))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    state = folder.load()
    assert state is not None
    assert state["step"] == 1


def test_training_starts_anew_where_every_checkpoint_is_damaged(folder: CheckpointFolder) -> None:
    for step in (1, 2):
        folder.save(step, state_of(step)).write_bytes(b"")
    assert folder.load() is None


def test_a_half_written_file_is_no_checkpoint(folder: CheckpointFolder) -> None:
    path = folder.save(1, state_of(1))
    path.rename(path.with_suffix(".partial"))
    assert folder.load() is None


def test_a_checkpoint_of_another_run_is_refused(folder: CheckpointFolder) -> None:
    folder.save(1, state_of(1))
    with pytest.raises(UserError, match=r"fingerprint abc, this run xyz"):
        CheckpointFolder(folder.folder, "xyz").load()


def test_a_full_disk_leaves_the_earlier_checkpoints(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.save(1, state_of(1))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        folder.save(2, state_of(2))
    assert names(folder) == ["step-000000001"]


def test_clearing_keeps_the_journal_alone(folder: CheckpointFolder) -> None:
    folder.save(1, state_of(1))
    (folder.folder / "metrics.jsonl").write_text("{}\n")
    (folder.folder / "validation").mkdir()
    (folder.folder / "validation" / "step-000000.png").write_bytes(b"")
    folder.clear(keep="metrics.jsonl")
    assert [path.name for path in folder.folder.iterdir()] == ["metrics.jsonl"]

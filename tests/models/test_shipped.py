"""Open weights in the package: written in half precision, found, checked, loaded as single. Made-up weights."""

from pathlib import Path

import pytest
import torch

from evfi.errors import InputFileError, MissingInputError
from evfi.models import shipped
from evfi.models.registry import FAMILIES
from evfi.models.shipped import shipped_receipt, shipped_weights, write_half, write_shipped_receipt
from evfi.models.weights import load_model, load_weights, model_meta, save_weights
from evfi.provenance import digest_file

TIMELENS = FAMILIES["timelens"]


@pytest.fixture
def single(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    options = TIMELENS.options(base_width=4)
    path = tmp_path / "single.safetensors"
    meta = model_meta(TIMELENS, "attention", options)
    save_weights(path, TIMELENS.build(options).state_dict(), meta)
    return path


@pytest.fixture
def folder(single: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that ships them, in place of the package's own."""
    place = tmp_path / "weights"
    place.mkdir()
    write_half(single, place / "timelens.safetensors")
    write_shipped_receipt(place / "timelens.safetensors", {"family": "timelens"})
    monkeypatch.setattr(shipped, "FOLDER", place)
    return place


def test_half_precision_takes_half_the_room_and_loads_as_single(single: Path, folder: Path) -> None:
    path = shipped_weights(TIMELENS)
    assert path == folder / "timelens.safetensors"
    assert path.stat().st_size < 0.55 * single.stat().st_size
    meta, state = load_weights(path)
    assert meta["stored"] == "float16"
    assert meta["from_sha256"] == digest_file(single)
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    model, exact = load_model(path).model, load_model(single).model
    for (name, one), other in zip(model.named_parameters(), exact.parameters(), strict=True):
        assert one.dtype == torch.float32, name
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-7)


def test_equal_weights_give_equal_shipped_bytes(single: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_half(single, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "other.safetensors").read_bytes()


def test_a_value_beyond_half_precision_is_refused(single: Path, tmp_path: Path) -> None:
    meta, state = load_weights(single)
    name = sorted(state)[0]
    save_weights(tmp_path / "big.safetensors", {**state, name: state[name] + 1e5}, {"family": meta["family"]})
    with pytest.raises(InputFileError, match=f"{name} has values beyond half precision"):
        write_half(tmp_path / "big.safetensors", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_file_that_its_receipt_does_not_name_is_refused(folder: Path) -> None:
    path = folder / "timelens.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputFileError, match=r"is not the file that timelens\.json names: install evfi again"):
        shipped_weights(TIMELENS)


def test_a_build_without_weights_says_so(folder: Path) -> None:
    assert shipped_weights(FAMILIES["wevi"]) is None
    with pytest.raises(MissingInputError, match="ships no open weights for wevi"):
        shipped_receipt(FAMILIES["wevi"])


def test_what_this_build_ships_is_small_whole_and_not_a_stand_in() -> None:
    """Holds for builds with and without weights: nothing may lie there that has no receipt of a real training."""
    files = sorted(shipped.FOLDER.glob("*.safetensors"))
    assert sum(path.stat().st_size for path in files) <= shipped.MOST_BYTES
    for path in files:
        family = FAMILIES[path.stem]
        assert shipped_weights(family) == path
        receipt = shipped_receipt(family)
        assert receipt["half_precision"]["cost_db"] <= shipped.MOST_COST_DB
        assert sum(stage["hours"] for stage in receipt["stages"]) >= 1.5
        assert load_model(path).family is family
    assert {path.stem for path in shipped.FOLDER.glob("*.json")} == {path.stem for path in files}

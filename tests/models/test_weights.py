from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from evfi.errors import InputFileError, MissingInputError, OutputError, UserError
from evfi.models.registry import FAMILIES
from evfi.models.timelens.manifest import TimeLensOptions
from evfi.models.weights import check_same_model, fill, load_model, load_weights, model_meta, save_weights

TIMELENS = FAMILIES["timelens"]
SMALL = TimeLensOptions(base_width=4)
META = model_meta(TIMELENS, "attention", SMALL)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return TIMELENS.build(SMALL).state_dict()


@pytest.fixture
def path(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    save_weights(tmp_path / "weights.safetensors", state, META)
    return tmp_path / "weights.safetensors"


def test_metadata_and_tensors_come_back(path: Path, state: dict[str, torch.Tensor]) -> None:
    meta, loaded = load_weights(path)
    assert meta["model"] == {"base_width": 4, "variant": "forward"}
    assert (meta["family"], meta["stage"], meta["schema"], meta["version"]) == (
        "timelens",
        "attention",
        "evfi.weights",
        1,
    )
    assert set(loaded) == set(state)
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_an_inference_option_can_be_changed_on_loading(path: Path) -> None:
    assert load_model(path, variant="released_fast").options.variant == "released_fast"  # pyright: ignore


def test_an_option_that_the_weights_depend_on_cannot(path: Path) -> None:
    with pytest.raises(UserError, match="base_width"):
        load_model(path, base_width=8)


def test_a_loaded_model_takes_no_gradients(path: Path) -> None:
    model = load_model(path).model
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="nowhere"):
        load_model(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("keep", [0, 7, 100, 20_000])
def test_a_cut_off_file_is_refused(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputFileError, match=r"weights\.safetensors is not a whole safetensors file"):
        load_weights(path)


@pytest.mark.parametrize("metadata", [None, {"evfi": "no json"}, {"evfi": "[]"}, {"evfi": '{"schema":"other"}'}])
def test_safetensors_of_another_program_are_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(InputFileError, match="not written by this evfi"):
        load_weights(path)


def test_weights_of_an_unknown_family_are_refused(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, state, {**META, "family": "superslomo"})
    with pytest.raises(InputFileError, match="superslomo"):
        load_model(path)


def test_weights_of_an_early_stage_cannot_predict(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "weights.safetensors"
    only = {name: tensor for name, tensor in state.items() if name.startswith("synthesis.")}
    save_weights(path, only, model_meta(TIMELENS, "synthesis", SMALL))
    with pytest.raises(InputFileError, match="holds no weights of warp, refinement, attention"):
        load_model(path)


def test_another_width_is_refused_and_both_are_named(path: Path) -> None:
    meta, _ = load_weights(path)
    with pytest.raises(InputFileError, match="base_width 4, this run has base_width 8"):
        check_same_model(path, meta, TIMELENS, TimeLensOptions(base_width=8))


def test_another_variant_is_the_same_model(path: Path) -> None:
    meta, _ = load_weights(path)
    check_same_model(path, meta, TIMELENS, TimeLensOptions(base_width=4, variant="released_fast"))


def test_a_missing_and_an_unexpected_key_are_named(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    changed = dict(state)
    changed["warp.conv9.weight"] = changed.pop("warp.conv1.weight")
    with pytest.raises(InputFileError, match=r"lacks warp\.conv1\.weight and has the unexpected warp\.conv9\.weight"):
        fill(TIMELENS.build(SMALL), changed, tmp_path / "file")


def test_a_wrong_shape_is_named(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    changed = {**state, "warp.conv1.bias": torch.zeros(5)}
    with pytest.raises(InputFileError, match=r"warp\.conv1\.bias has shape \(5,\), expected \(4,\)"):
        fill(TIMELENS.build(SMALL), changed, tmp_path / "file")


def test_an_unwritable_place_is_named(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="weights"):
        save_weights(tmp_path / "file" / "weights.safetensors", state, META)

"""The perceptual losses that read weights, as a recipe asks for them."""

from pathlib import Path

import pytest
import torch

from evfi.errors import MissingInputError
from evfi.models.timelens.inputs import prepare
from evfi.models.timelens.manifest import TIMELENS, TimeLensOptions
from evfi.models.timelens.network import TimeLens
from evfi.models.timelens.objective import objective
from evfi.nn.losses import l1
from evfi.nn.perceptual import lpips_loss, vgg_loss
from evfi.samples.sample import Sample
from tests.nn.test_perceptual import random_heads, random_vgg

STAGE = TIMELENS.stage("synthesis")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("files")
    torch.save(random_vgg(), folder / "vgg16.pth")
    torch.save(random_heads(), folder / "vgg.pth")
    return {"vgg_weights": str(folder / "vgg16.pth"), "lpips_heads": str(folder / "vgg.pth")}


@pytest.mark.parametrize("name", ["vgg", "lpips"])
def test_the_objective_adds_the_loss_that_the_recipe_names(name: str, files: dict[str, str], sample: Sample) -> None:
    torch.manual_seed(0)
    model = TimeLens(TimeLensOptions(base_width=4))
    inputs = TIMELENS.collate([prepare(sample)])
    recipe = STAGE.recipe.overridden({"perceptual": name, "perceptual_weight": 0.1, **files})
    result = objective(STAGE, model, recipe)(inputs)
    paths = [Path(path) for path in files.values()]
    loss = lpips_loss(*paths) if name == "lpips" else vgg_loss(paths[0])
    frame = model.synthesised(inputs)
    expected = l1(frame, inputs.target) + 0.1 * loss(frame, inputs.target)
    assert float(result.total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert set(result.parts) == {"l1", name}


@pytest.mark.parametrize(("name", "missing"), [("vgg", "vgg_weights"), ("lpips", "vgg_weights")])
def test_a_recipe_without_the_file_says_which_where_from_and_what_avoids_it(name: str, missing: str) -> None:
    with pytest.raises(ValueError, match=rf"needs the option {missing}: VGG16's .* PyTorch model hub.* laplacian"):
        STAGE.recipe.overridden({"perceptual": name})


def test_lpips_wants_its_heads_too(files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"lpips_heads: the linear heads of LPIPS v0\.1 .* LPIPS project"):
        STAGE.recipe.overridden({"perceptual": "lpips", "vgg_weights": files["vgg_weights"]})


def test_a_file_that_is_not_there_is_one_line(files: dict[str, str], tmp_path: Path) -> None:
    recipe = STAGE.recipe.overridden({"perceptual": "lpips", **files, "lpips_heads": str(tmp_path / "none.pth")})
    with pytest.raises(MissingInputError, match=r"none\.pth, which the recipe's lpips_heads names") as caught:
        recipe.check_files()
    assert "\n" not in str(caught.value)


def test_digests_of_the_files_stand_among_the_inputs_and_change_the_fingerprint(
    files: dict[str, str], tmp_path: Path
) -> None:
    from evfi.provenance import digest_file
    from evfi.training.export import input_digests
    from evfi.training.fingerprint import stage_fingerprint

    (tmp_path / "index.parquet").write_bytes(b"rows")
    index, plain = tmp_path / "index.parquet", STAGE.recipe
    copy = tmp_path / "copy.pth"
    copy.write_bytes(Path(files["vgg_weights"]).read_bytes())
    recipe = plain.overridden({"perceptual": "vgg", "vgg_weights": str(copy)})
    assert input_digests(index, {}, recipe)["files"] == {"vgg_weights": digest_file(copy)}
    assert "files" not in input_digests(index, {}, plain)
    options = TimeLensOptions(base_width=4)
    before = stage_fingerprint(TIMELENS, STAGE, options, recipe, index, {})
    copy.write_bytes(b"other weights")
    assert stage_fingerprint(TIMELENS, STAGE, options, recipe, index, {}) != before

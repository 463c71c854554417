"""The configuration of a run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from evfi.config import Config, read_config, read_run_config, validated
from evfi.errors import UserError
from evfi.models.registry import FAMILIES
from evfi.simulation.options import SimulationOptions

REPOSITORY = Path(__file__).resolve().parents[1]
TREE = {"root": "v", "train_list": "a", "test_list": "b", "train_clips": 600, "test_clips": 10}


def test_the_default_run_is_valid_and_changes_only_what_it_names_in_the_papers_recipe() -> None:
    config = read_config(REPOSITORY / "config" / "config.yaml")
    recipe = config.recipe("timelens", "synthesis")
    assert recipe.batch_size == 8
    assert recipe.epochs == 27


def test_a_recording_may_be_a_path_or_a_list_of_paths() -> None:
    one = validated({"recordings": "a/my.aedat4", "pretrained": {"timelens": "w"}}, "test")
    assert [(item.name, item.split) for item in one.recordings] == [("my", "test")]
    two = validated({"recordings": ["a.aedat4", "b.aedat4"], "pretrained": {"timelens": "w"}}, "test")
    assert [item.name for item in two.recordings] == ["a", "b"]


def test_two_recordings_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="two recordings are called 'my'"):
        validated({"recordings": ["a/my.aedat4", "b/my.aedat4"], "pretrained": {"timelens": "w"}}, "test")


def test_results_dir_stands_in_paths() -> None:
    config = validated({"results_dir": "r", "septuplets": {**TREE, "root": "{results_dir}/v"}}, "test")
    assert config.septuplets is not None
    assert config.septuplets.root == "r/v"


def test_shards_are_fixed_blocks_with_fixed_names() -> None:
    config = validated({"septuplets": TREE}, "test")
    assert config.septuplets is not None
    assert config.septuplets.shards("train") == ["train-00000", "train-00001", "train-00002"]
    assert config.septuplets.shards("test") == ["test-00000"]


def test_a_stage_overrides_the_family_and_the_family_the_manifest() -> None:
    training = {"timelens": {"recipe": {"batch_size": 2}, "stages": {"warp": {"batch_size": 3}}}}
    config = validated({"septuplets": TREE, "training": training}, "test")
    sizes = [config.recipe("timelens", stage).batch_size for stage in ("synthesis", "warp")]
    assert sizes == [2, 3]


def test_a_run_trains_the_base_track_unless_it_names_others() -> None:
    plain = validated({"septuplets": TREE}, "test")
    assert [stage.name for stage in plain.stages("timelens")][-1] == "attention"
    both = validated({"septuplets": TREE, "training": {"timelens": {"tracks": ["base", "finetune"]}}}, "test")
    assert len(both.stages("timelens")) == 8
    assert both.stages("timelens")[-1].name == "finetune_attention"


def test_finetuning_alone_wants_the_weights_that_it_starts_from() -> None:
    training = {"tracks": ["finetune"]}
    with pytest.raises(UserError, match=r"finetune_synthesis starts from attention, .* starts: \{attention: FILE\}"):
        validated({"septuplets": TREE, "training": {"timelens": training}}, "test")
    given = {**training, "starts": {"attention": "{results_dir}/w.safetensors"}}
    config = validated({"septuplets": TREE, "results_dir": "r", "training": {"timelens": given}}, "test")
    assert config.family_training("timelens").starts == {"attention": "r/w.safetensors"}
    with pytest.raises(UserError, match="no track 'tuned'"):
        validated({"septuplets": TREE, "training": {"timelens": {"tracks": ["tuned"]}}}, "test")


def test_finetuning_on_recordings_is_slower_than_the_demo_that_it_starts_from() -> None:
    default, overlay = (REPOSITORY / "config" / name for name in ("config.yaml", "davis_finetune.yaml"))
    demo = read_run_config([], {}, default)
    finetuned = read_run_config([overlay], {"recordings": "mine.aedat4"}, default)
    for stage in finetuned.stages("timelens"):
        before = demo.recipe("timelens", stage.name.removeprefix("finetune_"))
        after = finetuned.recipe("timelens", stage.name)
        assert after.learning_rate <= before.learning_rate / 3 + 1e-9
        assert after.total_steps(1) < before.total_steps(1)
        assert (after.grad_clip or 1) <= (before.grad_clip or 1)


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(UserError, match="nothing to train timelens on"):
        validated({"recordings": "my.aedat4"}, "test")


def test_options_are_frozen() -> None:
    config = Config.model_validate({"septuplets": TREE})
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3  # pyright: ignore[reportAttributeAccessIssue]


def _overlaid(*names: str) -> dict:
    """Configuration files one over the other, as Snakemake joins them."""

    def joined(below: Any, above: Any) -> Any:
        if isinstance(below, dict) and isinstance(above, dict):
            return {key: joined(below.get(key), above.get(key, below.get(key))) for key in {**below, **above}}
        return above

    merged: Any = {}
    for name in names:
        merged = joined(merged, yaml.safe_load((REPOSITORY / "config" / name).read_text()))
    return merged


def test_the_vimeo90k_run_trains_the_papers_recipe_at_width_32_on_evtextures_thresholds() -> None:
    config = validated(_overlaid("config.yaml", "vimeo90k.yaml"), "test")
    ours = {"precision", "threads", "validation_every", "validation_samples", "seed"}
    for stage in ("synthesis", "warp", "refinement", "attention"):
        found = config.recipe("timelens", stage).model_dump()
        papers = FAMILIES["timelens"].stage(stage).recipe.model_dump()
        assert {name for name in found if found[name] != papers[name]} <= ours, stage
        numbers = [found[name] for name in ("learning_rate", "lr_decay", "lr_decay_epochs", "epochs", "batch_size")]
        assert numbers == [1e-4, 0.1, 12, 27, 4]
        assert (found["steps"], found["schedule"]) == (None, "step")
    assert config.family_training("timelens").model == {"base_width": 32}
    assert config.simulation == SimulationOptions(preset="evtexture")


def test_one_option_makes_the_vimeo90k_networks_small() -> None:
    raw = _overlaid("config.yaml", "vimeo90k.yaml")
    raw["training"]["timelens"]["model"] = {"base_width": 8}
    config = validated(raw, "test")
    assert config.family_training("timelens").model == {"base_width": 8}
    assert config.recipe("timelens", "warp") == validated(_overlaid("config.yaml", "vimeo90k.yaml"), "test").recipe(
        "timelens", "warp"
    )


def test_recordings_by_path_alone_belong_to_the_split_that_the_configuration_names() -> None:
    raw = {"recordings": ["a.aedat4", {"path": "b.aedat4", "split": "train"}], "recordings_split": "time"}
    assert [recording.split for recording in validated(raw, "test").recordings] == ["time", "train"]
    assert validated({"recordings": "a.aedat4", "pretrained": {"timelens": "w"}}, "test").recordings[0].split == "test"


def test_the_davis_run_of_wevi_trains_the_released_recipe_at_width_32() -> None:
    raw = {**_overlaid("config.yaml", "wevi_davis.yaml"), "recordings": ["a.aedat4"]}
    config = validated(raw, "test")
    ours = {"precision", "threads", "validation_every", "validation_samples", "validation_tail", "seed", "batch_size"}
    for stage, epochs in (("correction", 200), ("refinement", 5000)):
        found = config.recipe("wevi", stage)
        released = FAMILIES["wevi"].stage(stage).recipe
        changed = {name for name, value in found.model_dump().items() if value != released.model_dump().get(name)}
        assert changed <= ours, stage
        assert (found.epochs, found.steps, found.lr_decay, found.learning_rate) == (epochs, None, 0.999, 5e-4)
    assert config.family_training("wevi").model == {"base_channels": 32}


def test_scenes_alone_are_enough_to_train_and_to_measure_on() -> None:
    config = validated({"scenes": {"train": 3, "validation": 1, "test": 1, "shard_size": 2}}, "test")
    assert config.scene_shards("train") == ["train-00000", "train-00001", "validation-00000"]
    assert config.has_part("train")
    assert config.has_part("test")
    none = validated({"scenes": {"test": 0}}, "test")
    assert not none.has_part("test")


@pytest.mark.parametrize("name", ["timelens", "blend", "baselines", "My Weights"])
def test_a_compared_network_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(UserError, match=f"compared.{name}: give it a name of its own"):
        validated({"septuplets": TREE, "compared": {name: "w"}}, "test")


def test_compared_networks_are_measured_after_the_families() -> None:
    config = validated({"septuplets": TREE, "compared": {"before": "{results_dir}/w"}, "results_dir": "r"}, "test")
    assert config.methods() == ("baselines", "timelens", "before")
    assert config.compared == {"before": "r/w"}

"""The Slurm profiles, read as text: no cluster is needed."""

from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import REPOSITORY

PROFILES = sorted((REPOSITORY / "workflow" / "profiles").glob("*/profile.v9+.yaml"))


def test_there_is_one_for_clusters_and_one_for_the_tests() -> None:
    assert [path.parent.name for path in PROFILES] == ["slurm", "slurm-ci"]


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_every_value_has_its_reason_above_it(path: Path) -> None:
    explained = False
    for line in path.read_text().splitlines():
        text = line.strip()
        if text.startswith("#"):
            explained = True
        elif not text or text.endswith(":"):  # a new block, or a group, whose values explain themselves
            explained = False
        else:
            assert explained, f"{path.parent.name}: no reason above: {text}"


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_training_ends_itself_before_slurm_would(path: Path) -> None:
    training = yaml.safe_load(path.read_text())["set-resources"]["train_stage"]
    assert 0 < training["max_seconds"] <= 0.9 * 60 * training["runtime"]

"""PSNR against the threshold of the events: clips simulated anew, frames and targets unchanged."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from evfi.cli.app import exit_code
from evfi.errors import UserError
from evfi.evaluation.baselines import Baselines
from evfi.evaluation.metrics import psnr_float
from evfi.evaluation.options import EvaluationOptions, ThresholdSweepOptions
from evfi.evaluation.rows import RowsToMeasure
from evfi.evaluation.thresholds import clip_rows, sweep_thresholds
from evfi.io.images import write_png
from evfi.io.septuplets import septuplet_paths
from evfi.provenance import canonical_json, digest_file
from evfi.samples.index import write_index
from evfi.samples.online import OnlineSimulation
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.shard import simulate_shard

IDS = ["00001/0001", "00002/0001"]
SIMULATION = SimulationOptions(preset="esim_py", upsample="linear", max_subframes=4)
SWEEP = ThresholdSweepOptions(contrasts=(0.1, 0.4), noise=NoiseOptions(shot_rate_hz=400.0))
SEED = 5


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated septuplets of a smooth pattern that drifts, as test samples of skips 1 and 5."""
    root = tmp_path_factory.mktemp("sweep")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :64]
    for clip_id in IDS:
        a, b, phase = rng.uniform(0.2, 0.4), rng.uniform(0.1, 0.3), rng.uniform(0, 6)
        for number, path in enumerate(septuplet_paths(root, clip_id)):
            path.parent.mkdir(parents=True, exist_ok=True)
            wave = 0.5 + 0.4 * np.sin(a * (x - 1.5 * number) + b * y + phase)
            write_png(path, np.repeat(np.rint(255 * wave).astype(np.uint8)[..., None], 3, axis=2))
    (root / "list.txt").write_text("\n".join(IDS))
    simulate_shard(root / "list.txt", root, root / "clips.zarr", SIMULATION, seed=SEED)
    options = SamplesOptions(septuplet_test_skips=(1, 5))
    write_index(root / "test.parquet", "test", clip_stores=[root / "clips.zarr"], recordings=[], options=options)
    return root / "test.parquet"


@pytest.fixture(scope="module")
def swept(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("swept") / "thresholds"
    sweep_thresholds(index, out, simulation=SIMULATION, seed=SEED, sweep=SWEEP)
    return out


def test_every_threshold_is_measured_without_and_with_noise_on_the_same_targets(swept: Path, index: Path) -> None:
    table = pd.read_parquet(swept / "targets.parquet")
    ids = set(pd.read_parquet(index)["sample_id"])
    conditions = {key: set(own["sample_id"]) for key, own in table.groupby(["contrast", "noisy"])}
    assert conditions == {(contrast, noisy): ids for contrast in (0.1, 0.4) for noisy in (False, True)}
    assert set(table["metric"]) == {"psnr_float"}


def test_what_ignores_events_is_level_and_what_integrates_them_is_not(swept: Path) -> None:
    table = pd.read_parquet(swept / "targets.parquet")
    mean = table.groupby(["method", "contrast", "noisy"])["value"].mean()
    for method in ("copy", "blend", "flow"):
        assert np.ptp(mean[method].to_numpy()) == 0
    # Coarse thresholds lose detail, and noise hurts.
    integration = mean["event_integration"]
    assert integration[0.1, False] > integration[0.4, False] + 0.5
    assert integration[0.1, False] > integration[0.1, True] + 0.5


def test_a_figure_is_that_of_the_clip_simulated_at_this_threshold(swept: Path, index: Path) -> None:
    table = pd.read_parquet(swept / "targets.parquet")
    noisy = SIMULATION.replaced(contrast_pos=0.4, contrast_neg=0.4, noise=SWEEP.noise)
    sample = SampleReader(index).at(3, OnlineSimulation(noisy, SEED))
    (answers,) = Baselines(EvaluationOptions()).answers([sample])
    (frame,) = [answer.frame for answer in answers if answer.method.name == "event_integration"]
    row = table[
        (table["sample_id"] == sample.sample_id)
        & (table["method"] == "event_integration")
        & (table["contrast"] == 0.4)
        & table["noisy"]
    ]
    assert row["value"].item() == psnr_float(frame, sample.target)


def test_the_verb_gives_the_same_bytes_as_the_function(swept: Path, index: Path, tmp_path: Path) -> None:
    out = tmp_path / "thresholds"
    options = {"simulation": SIMULATION.model_dump(mode="json"), "threshold_sweep": SWEEP.model_dump(mode="json")}
    arguments = ["sweep-thresholds", index, out, "--seed", SEED, "--options", canonical_json(options)]
    assert exit_code([str(argument) for argument in arguments]) == 0
    for name in ("targets.parquet", "thresholds.json"):
        assert (out / name).read_bytes() == (swept / name).read_bytes()
    document = json.loads((out / "thresholds.json").read_text())
    assert [method["name"] for method in document["methods"]] == ["copy", "blend", "flow", "event_integration"]
    assert document["samples"] == 20


def test_a_network_is_swept_beside_the_baselines(swept: Path, index: Path, weights: Path, tmp_path: Path) -> None:
    options = {"simulation": SIMULATION.model_dump(mode="json"), "threshold_sweep": SWEEP.model_dump(mode="json")}
    arguments = ["sweep-thresholds", index, tmp_path / "out", "--weights", weights, "--seed", SEED]
    assert exit_code([str(argument) for argument in (*arguments, "--options", canonical_json(options))]) == 0
    table, alone = (pd.read_parquet(folder / "targets.parquet") for folder in (tmp_path / "out", swept))
    of_the_network = table["method"].str.startswith("timelens")
    pd.testing.assert_frame_equal(table[~of_the_network], alone)
    (final,) = (own for name, own in table[of_the_network].groupby("method") if name == "timelens")
    assert Counter(zip(final["contrast"], final["noisy"], strict=True)) == {
        (contrast, noisy): 20 for contrast in (0.1, 0.4) for noisy in (False, True)
    }
    assert final.groupby(["contrast", "noisy"])["value"].mean().nunique() == 4, "its frames depend on the events"
    document = json.loads((tmp_path / "out" / "thresholds.json").read_text())
    assert "timelens" in [method["name"] for method in document["methods"]]
    assert document["weights_sha256"] == [digest_file(weights)]


def test_two_networks_of_one_family_are_refused(index: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two of the weights are of one family"):
        sweep_thresholds(index, tmp_path / "out", simulation=SIMULATION, seed=SEED, weights=[weights, weights])
    assert not [*tmp_path.iterdir()]


def test_the_default_goes_from_a_tenth_to_a_half_without_and_with_noise() -> None:
    conditions = ThresholdSweepOptions().conditions(SIMULATION)
    assert [(one.contrast, one.noisy) for one in conditions] == [
        (contrast, noisy) for noisy in (False, True) for contrast in (0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    assert all(one.simulation.contrast_pos == one.simulation.contrast_neg == one.contrast for one in conditions)
    assert [one.simulation.noise.shot_rate_hz > 0 for one in conditions] == [one.noisy for one in conditions]


def test_targets_beyond_the_most_are_left_out_evenly(index: Path) -> None:
    whole = RowsToMeasure(index)
    rows = clip_rows(whole, 3)
    assert Counter(row.skip for row in rows) == {1: 3, 5: 3}
    assert len({row.sequence for row in rows}) == 2
    assert [vars(row) for row in clip_rows(whole, 100)] == [vars(row) for row in whole], "names as among all rows"


def test_an_index_of_recordings_alone_is_refused_and_nothing_is_left(index: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(index)
    table.assign(kind="recording").to_parquet(tmp_path / "test.parquet")
    with pytest.raises(UserError, match="no test sample of a clip"):
        sweep_thresholds(tmp_path / "test.parquet", tmp_path / "out", simulation=SIMULATION, seed=SEED)
    assert [path.name for path in tmp_path.iterdir()] == ["test.parquet"]


def test_noise_that_the_backend_cannot_do_is_one_line() -> None:
    simulation = SimulationOptions(preset="esim_torch", backend="esim_torch")
    with pytest.raises(ValidationError, match=r"cannot do noise\.threshold_sigma"):
        ThresholdSweepOptions().conditions(simulation)

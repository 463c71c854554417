"""Training samples whose events are simulated anew every epoch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.errors import InputFileError
from evfi.io.clips import open_clips
from evfi.io.images import write_png
from evfi.io.septuplets import septuplet_paths
from evfi.models.family import Recipe
from evfi.models.registry import FAMILIES
from evfi.samples.index import write_index
from evfi.samples.online import OnlineSimulation
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.shard import simulate_shard
from evfi.training.data import StageData
from evfi.training.fingerprint import stage_fingerprint
from evfi.training.options import Runtime
from evfi.types import Events

TIMELENS = FAMILIES["timelens"]
IDS = ["00001/0001", "00001/0002", "00002/0001"]
OPTIONS = SimulationOptions(preset="evtexture", max_subframes=3, noise=NoiseOptions(shot_rate_hz=2.0))
SEED = 11


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated septuplets of a drifting pattern; the last one for validation."""
    root = tmp_path_factory.mktemp("online")
    rng = np.random.default_rng(0)
    for clip_id in IDS:
        wide = np.kron(rng.integers(0, 256, (10, 16, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
        for number, path in enumerate(septuplet_paths(root, clip_id)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, np.ascontiguousarray(wide[:, 2 * number : 2 * number + 44]))
    (root / "list.txt").write_text("\n".join(IDS))
    store = root / "clips.zarr"
    simulate_shard(root / "list.txt", root, store, OPTIONS, seed=SEED)
    samples = SamplesOptions(septuplet_train_skips=(5,), validation_fraction=0.3)
    write_index(root / "train.parquet", "train", clip_stores=[store], recordings=[], options=samples)
    return root / "train.parquet"


def recipe(**changes) -> Recipe:
    small = {"batch_size": 5, "augment": {"crop": 32}, "seed": 3, "validation_samples": 2}
    online = {"online_simulation": OPTIONS.model_dump()}
    return TIMELENS.stage("synthesis").recipe.overridden({**small, **online, **changes})


def assert_same(one: Events, other: Events) -> None:
    for name in ("t", "y", "x", "p"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def same(one: Events, other: Events) -> bool:
    return len(one) == len(other) and bool((one.t == other.t).all() and (one.x == other.x).all())


def epoch(number: int, seed: int = 3) -> OnlineSimulation:
    return OnlineSimulation.of_epoch(OPTIONS, seed, number)


def test_with_the_stores_options_and_seed_the_stores_events_come_back(index: Path) -> None:
    reader, again = SampleReader(index), OnlineSimulation(OPTIONS, SEED)
    for position in range(len(reader)):
        stored = reader.at(position)
        fresh = reader.at(position, again)
        assert len(stored.events) > 500
        assert_same(fresh.events, stored.events)
        assert (fresh.frame0 == stored.frame0).all()


def test_an_epoch_always_gives_the_same_events_and_the_next_one_others(index: Path) -> None:
    first, again, later, other = (
        SampleReader(index).at(2, online).events for online in (epoch(0), epoch(0), epoch(1), epoch(0, seed=4))
    )
    assert_same(first, again)
    assert not same(first, later)
    assert not same(first, other)


def test_every_clip_and_epoch_has_thresholds_of_its_own(index: Path) -> None:
    """ON events per change of light follow the threshold, which evtexture draws between 0.05 and 0.5."""
    clips = open_clips(index.parent / "clips.zarr")
    counts = {(number, clip): len(epoch(number).events(clips, clip)) for number in range(3) for clip in range(3)}
    assert len(set(counts.values())) == 9
    assert max(counts.values()) > 1.5 * min(counts.values())


def test_one_reader_keeps_the_events_of_epochs_and_store_apart(index: Path) -> None:
    reader = SampleReader(index)
    stored, first, later = reader.at(0), reader.at(0, epoch(0)), reader.at(0, epoch(1))
    assert_same(reader.at(0).events, stored.events)
    assert_same(reader.at(0, epoch(0)).events, first.events)
    assert_same(reader.at(0, epoch(1)).events, later.events)


def grids(data: StageData, start: int, end: int, workers: int = 0) -> list[torch.Tensor]:
    return [batch.voxel_0_to_tau for batch in data.batches(start, end, Runtime(workers=workers))]  # pyright: ignore


def test_batches_do_not_depend_on_the_number_of_workers(index: Path) -> None:
    alone, shared = (grids(StageData(index, TIMELENS, recipe()), 0, 4, workers) for workers in (0, 2))
    assert all(torch.equal(one, other) for one, other in zip(alone, shared, strict=True))


def test_a_resumed_run_simulates_what_an_undisturbed_one_would(index: Path) -> None:
    whole = grids(StageData(index, TIMELENS, recipe()), 0, 6)  # ten samples, five a batch: three epochs
    resumed = grids(StageData(index, TIMELENS, recipe()), 3, 6)
    assert all(torch.equal(one, other) for one, other in zip(whole[3:], resumed, strict=True))


def test_an_epochs_samples_differ_from_the_stores_and_from_the_next_epochs(index: Path) -> None:
    plain = {"crop": 0, "flip_horizontal": False, "flip_vertical": False, "reverse_time": False}
    online = StageData(index, TIMELENS, recipe(augment=plain))
    stored = StageData(index, TIMELENS, recipe(augment=plain, online_simulation=None))

    def by_sample(data: StageData, steps: range) -> dict[str, torch.Tensor]:
        names = [name for step in steps for name in data.ids_of_step(step)]
        return dict(zip(names, torch.cat(grids(data, steps.start, steps.stop)), strict=True))

    store, first, second = by_sample(stored, range(2)), by_sample(online, range(2)), by_sample(online, range(2, 4))
    assert len(store) == 10
    assert store.keys() == first.keys() == second.keys()
    for name in store:
        assert not torch.equal(first[name], store[name])
        assert not torch.equal(first[name], second[name])


def test_validation_keeps_the_stores_events(index: Path) -> None:
    stored, online = (StageData(index, TIMELENS, recipe(**changes)) for changes in ({"online_simulation": None}, {}))
    for (one, _), (other, _) in zip(stored.validation_samples(), online.validation_samples(), strict=True):
        assert_same(one.events, other.events)


def test_a_frame_that_changed_since_the_store_was_made_is_refused(index: Path) -> None:
    path = septuplet_paths(index.parent, IDS[1])[6]
    content = path.read_bytes()
    try:
        write_png(path, np.zeros((40, 44, 3), np.uint8))
        with pytest.raises(InputFileError, match=r"im7\.png has changed"):
            epoch(0).events(open_clips(index.parent / "clips.zarr"), 1)
    finally:
        path.write_bytes(content)


def test_the_fingerprint_tells_online_simulation_its_options_and_an_upsampler_files_content(
    index: Path, tmp_path: Path
) -> None:
    file = tmp_path / "own.pt"

    def fingerprint(**changes) -> str:
        stage = TIMELENS.stage("synthesis")
        return stage_fingerprint(TIMELENS, stage, TIMELENS.options(), recipe(**changes), index, {})

    found = [fingerprint(), fingerprint(online_simulation=None), fingerprint(online_simulation={"preset": "e2vid"})]
    for content in (b"one", b"other"):
        file.write_bytes(content)
        found.append(fingerprint(online_simulation={"preset": "e2vid", "upsample": str(file)}))
    assert len(set(found)) == 5
    assert fingerprint() == found[0]


def test_a_preset_of_a_later_override_replaces_the_earlier_ones_values() -> None:
    later = recipe().overridden({"online_simulation": {"preset": "e2vid"}})
    assert later.online_simulation == SimulationOptions(preset="e2vid")
    finer = later.overridden({"online_simulation": {"refractory_us": 7}})
    assert finer.online_simulation == SimulationOptions(preset="e2vid", refractory_us=7)
    assert type(finer).model_validate(json.loads(finer.model_dump_json())) == finer

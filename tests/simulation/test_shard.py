"""A block of a Vimeo90k list → a clip store."""

import logging

import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError
from evfi.io.clips import open_clips
from evfi.io.images import write_png
from evfi.io.septuplets import septuplet_paths, septuplet_times_us
from evfi.provenance import item_seed
from evfi.simulation.intensity import luminance
from evfi.simulation.options import SIMULATION_ALGO_VERSION, SimulationOptions
from evfi.simulation.shard import simulate_shard
from evfi.simulation.simulate import Simulator

IDS = ["00001/0001", "00001/0002", "00007/0003"]


@pytest.fixture
def tree(tmp_path):
    """A tree of three clips of moving noise, 48x32, the last one gray; and its list with a blank line."""
    rng = np.random.default_rng(0)
    for clip_id in IDS:
        wide = np.kron(rng.integers(0, 256, (8, 20, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
        for number, path in enumerate(septuplet_paths(tmp_path, clip_id)):
            path.parent.mkdir(parents=True, exist_ok=True)
            frame = wide[:, 3 * number : 3 * number + 48]
            write_png(path, np.ascontiguousarray(frame[..., 0] if clip_id == IDS[2] else frame))
    (tmp_path / "list.txt").write_text("\n".join([IDS[0], "", *IDS[1:], ""]))
    return tmp_path


def test_every_clip_gets_events_thresholds_and_a_seed_of_its_own(tree):
    receipt = simulate_shard(tree / "list.txt", tree, tree / "out" / "train-000.zarr", SimulationOptions(), seed=5)
    assert receipt["clip_ids"] == IDS
    assert (receipt["seed"], receipt["algo_version"]) == (5, SIMULATION_ALGO_VERSION)
    assert receipt["options"] == SimulationOptions().model_dump(mode="json")
    store = open_clips(tree / "out" / "train-000.zarr")
    assert store.ids == IDS
    contrasts = [store.contrast(k) for k in range(3)]
    assert len(set(contrasts)) == 3
    for k, clip_id in enumerate(IDS):
        assert store.seed(k) == item_seed(5, clip_id)
        np.testing.assert_array_equal(store.t_us(k), septuplet_times_us())
        assert store.subframes(k).min() >= 3  # it moves by 3 pixels
        events = store.events(k)
        assert len(events) > 100
        assert events.t.min() >= 0
        assert events.t.max() < septuplet_times_us()[-1]
        assert store.frame(k, 6).shape == (32, 48, 3)
    assert (tree / "out" / "train-000.json").is_file()


def test_thresholds_that_differ_from_pixel_to_pixel_are_stored_and_others_cost_nothing(tree):
    options = SimulationOptions(preset="v2e_clean")
    receipt = simulate_shard(tree / "list.txt", tree, tree / "mismatched.zarr", options, seed=5)
    assert receipt["arrays"]["clips/pixel_contrast_pos"]["shape"] == [3 * 32 * 48]
    store = open_clips(tree / "mismatched.zarr")
    for k in range(3):
        drawn = Simulator(store.sensor_size(k), options, seed=store.seed(k)).pixels
        pos, neg = store.pixel_contrast(k) or pytest.fail("nothing was stored")
        np.testing.assert_array_equal(pos, drawn.contrast_pos.astype(np.float32))
        np.testing.assert_array_equal(neg, drawn.contrast_neg.astype(np.float32))
        assert pos.std() == pytest.approx(0.02, rel=0.1)
    plain = simulate_shard(tree / "list.txt", tree, tree / "plain.zarr", SimulationOptions(), seed=5)
    assert not [name for name in plain["arrays"] if "pixel" in name]
    assert open_clips(tree / "plain.zarr").pixel_contrast(0) is None


def test_options_and_seed_of_a_store_draw_the_float64_thresholds_that_its_events_were_made_with(tree):
    receipt = simulate_shard(
        tree / "list.txt", tree, tree / "out.zarr", SimulationOptions(preset="v2e_clean", upsample="none"), seed=5
    )
    store = open_clips(tree / "out.zarr")
    again = Simulator(store.sensor_size(0), SimulationOptions(**receipt["options"]), seed=store.seed(0))
    gray = np.stack([luminance(store.frame(0, k)) for k in range(7)])
    assert_same(again.feed(gray, store.t_us(0)), store.events(0))
    stored = store.pixel_contrast(0) or pytest.fail("nothing was stored")
    assert (again.pixels.contrast_pos.dtype, stored[0].dtype) == (np.float64, np.float32)
    assert (again.pixels.contrast_pos != stored[0]).any()


def test_the_receipt_names_the_backend_that_auto_chose(tree, caplog):
    with caplog.at_level(logging.INFO, "evfi"):
        receipt = simulate_shard(tree / "list.txt", tree, tree / "out.zarr", SimulationOptions(backend="auto"))
    assert receipt["options"]["backend"] == "numba"
    assert [line for line in caplog.messages if "auto" in line] == ["backend auto: numba on cpu"]


def test_a_clip_does_not_depend_on_its_block(tree):
    simulate_shard(tree / "list.txt", tree, tree / "all.zarr", SimulationOptions(), seed=5)
    (tree / "one.txt").write_text(IDS[1] + "\n")
    simulate_shard(tree / "one.txt", tree, tree / "one.zarr", SimulationOptions(), seed=5)
    together, alone = open_clips(tree / "all.zarr"), open_clips(tree / "one.zarr")
    assert together.contrast(1) == alone.contrast(0)
    assert_same(together.events(1), alone.events(0))


def test_equal_runs_write_equal_receipts_and_another_seed_another(tree):
    first, again, other = (
        simulate_shard(tree / "list.txt", tree, tree / f"{name}.zarr", SimulationOptions(), seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first["arrays"] != other["arrays"]


def test_the_number_of_subframes_and_the_bound_are_reported(tree, caplog):
    with caplog.at_level(logging.INFO, "evfi"):
        simulate_shard(tree / "list.txt", tree, tree / "out.zarr", SimulationOptions(max_subframes=2))
    assert "2 to 2 sub-frames an interval, cut to 2 by max_subframes in 18 of 18 intervals" in caplog.text


def assert_same(found, expected):
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def _assert_nothing_written(tree):
    assert sorted(path.name for path in tree.iterdir()) == ["list.txt", "sequences"]


def test_a_missing_png_fails_the_shard_and_is_named_with_its_clip(tree):
    (tree / "sequences" / IDS[1] / "im4.png").unlink()
    with pytest.raises(MissingInputError, match=rf"clip {IDS[1]}.*im4\.png") as caught:
        simulate_shard(tree / "list.txt", tree, tree / "out.zarr", SimulationOptions())
    assert "\n" not in str(caught.value)
    _assert_nothing_written(tree)


def test_a_corrupt_png_fails_the_shard_and_is_named_with_its_clip(tree):
    path = tree / "sequences" / IDS[2] / "im7.png"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputFileError, match=rf"clip {IDS[2]}.*im7\.png"):
        simulate_shard(tree / "list.txt", tree, tree / "out.zarr", SimulationOptions())
    _assert_nothing_written(tree)


def test_a_list_entry_without_a_folder_is_named(tree):
    (tree / "list.txt").write_text("00009/0009\n")
    with pytest.raises(MissingInputError, match="clip 00009/0009"):
        simulate_shard(tree / "list.txt", tree, tree / "out.zarr", SimulationOptions())


def test_frames_of_different_sizes_are_refused_by_name(tree):
    write_png(tree / "sequences" / IDS[0] / "im3.png", np.zeros((32, 40), np.uint8))
    with pytest.raises(InputFileError, match=rf"clip {IDS[0]}.*im3\.png is 40x32 and im1\.png 48x32"):
        simulate_shard(tree / "list.txt", tree, tree / "out.zarr", SimulationOptions())

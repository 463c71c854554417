"""Cuts in a video are found, and no sample reaches across one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.cli.app import exit_code
from evfi.config import read_run_config
from evfi.errors import UserError
from evfi.io.images import write_png
from evfi.io.video_reader import VideoReader
from evfi.samples.cuts import cuts
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions
from evfi.samples.recording_rows import RecordingSource
from evfi.simulation.options import SimulationOptions
from evfi.simulation.stream import simulate_file

REPOSITORY = Path(__file__).resolve().parents[2]


def scene(seed: int, count: int) -> list[np.ndarray]:
    """A coarse texture that moves by two pixels a frame."""
    rng = np.random.default_rng(seed)
    wide = np.kron(rng.integers(0, 256, (6, 14), dtype=np.uint8), np.ones((8, 8), np.uint8))
    return [np.ascontiguousarray(wide[:, 2 * number : 2 * number + 64]) for number in range(count)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of ten frames each, one after the other."""
    folder = tmp_path_factory.mktemp("cut")
    (folder / "frames").mkdir()
    for number, image in enumerate([*scene(1, 10), *scene(2, 10)]):
        write_png(folder / "frames" / f"{number:04d}.png", image)
    simulate_file(folder / "frames", folder / "video.zarr", SimulationOptions(preset="esim_py"), fps=25)
    return folder / "video.zarr"


def rows(store: Path, source: RecordingSource, tmp_path: Path, **options) -> pd.DataFrame:
    out = tmp_path / "test.parquet"
    write_index(out, "test", clip_stores=[], recordings=[source], options=SamplesOptions(**options))
    return pd.read_parquet(out)


def test_a_cut_is_found_and_motion_and_a_still_picture_are_none() -> None:
    assert np.flatnonzero(cuts([*scene(1, 10), *scene(2, 10), *scene(3, 5)])).tolist() == [9, 19]
    assert not cuts(scene(4, 12)).any()
    assert not cuts([scene(4, 1)[0]] * 6).any()
    assert cuts(scene(4, 1)).shape == (0,)


def test_light_that_goes_on_for_good_between_two_frames_counts_as_a_cut() -> None:
    dark = [(frame // 4).astype(np.uint8) for frame in scene(5, 6)]
    assert np.flatnonzero(cuts([*dark, *scene(5, 6)])).tolist() == [5]


def test_the_five_cuts_of_bikes_and_none_in_vtest(real_data: Path) -> None:
    def found(name: str) -> list[int]:
        images = (image for piece in VideoReader(real_data / "video" / name).pieces() for image in piece.image)
        return np.flatnonzero(cuts(images)).tolist()

    assert found("bikes.mp4") == [29, 75, 136, 186, 241]
    assert found("vtest.avi") == []


def test_groups_across_a_cut_are_left_out_and_counted(store: Path, tmp_path: Path) -> None:
    source = RecordingSource(store, "video", "test", skips=(1, 3))
    every = rows(store, source, tmp_path)
    kept = rows(store, source, tmp_path, leave_out_cuts=True)
    across = every[(every["frame0"] <= 9) & (every["frame1"] >= 10)]
    assert len(kept) == len(every) - len(across) < len(every)
    assert not ((kept["frame0"] <= 9) & (kept["frame1"] >= 10)).any()
    assert '"a cut to another scene": 6' in (tmp_path / "test.json").read_text()


def test_a_recording_has_skips_and_a_data_set_of_its_own(store: Path, tmp_path: Path) -> None:
    found = rows(store, RecordingSource(store, "video", "test", skips=(3,), dataset="bikes"), tmp_path)
    assert set(found["skip"]) == {3}
    assert set(found["dataset"]) == {"bikes"}


def test_the_most_groups_are_spread_evenly(store: Path, tmp_path: Path) -> None:
    found = rows(store, RecordingSource(store, "video", "test"), tmp_path, recording_test_groups=4)
    assert found["frame0"].tolist() == [0, 6, 11, 17]


def test_the_verb_takes_skips_and_data_set_behind_the_store(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "test.parquet"
    assert exit_code(["index", str(out), "--recordings", f"video=test={store}=3,7=gopro"]) == 0
    found = pd.read_parquet(out)
    assert set(found["skip"]) == {3, 7}
    assert set(found["dataset"]) == {"gopro"}


@pytest.mark.parametrize("skips", ["three", "0", "1,x"])
def test_skips_that_are_no_numbers_are_refused(
    skips: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["index", str(tmp_path / "x.parquet"), "--recordings", f"video=test={store}={skips}"]) == 2
    assert "the skips of a recording are numbers such as 3,7" in capsys.readouterr().err


def test_the_real_run_measures_what_it_says() -> None:
    config = read_run_config(
        [REPOSITORY / "config/open_weights_real.yaml"], {"data": "/d"}, REPOSITORY / "config/config.yaml"
    )
    measured = {(each.dataset, each.skips, each.simulated) for each in config.recordings}
    assert measured == {
        ("davis346", (1,), False),
        ("gopro240", (3, 7), True),
        ("vtest", (1,), True),
        ("bikes", (1,), True),
    }
    assert config.recordings[0].path == "/d/davis/davis346.aedat4"
    assert config.samples.leave_out_cuts


def test_a_data_set_with_signs_in_its_name_is_refused() -> None:
    from evfi.config import validated

    with pytest.raises(UserError, match=r"recordings\.0\.dataset"):
        validated({"recordings": [{"path": "a.aedat4", "dataset": "a=b"}], "pretrained": {"timelens": "w"}}, "test")

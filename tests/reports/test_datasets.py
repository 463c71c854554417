import json
from pathlib import Path

import numpy as np

from evfi.io.clips import Clip, write_clip_store
from evfi.io.recording import RecordingWriter
from evfi.reports.datasets import data_pages
from evfi.reports.options import ReportOptions
from evfi.types import Events, SensorSize

OPTIONS = ReportOptions()
SIZE = SensorSize(height=24, width=32)
HOT_X, HOT_Y = 9, 5


def events_at(t_us: np.ndarray, rng: np.random.Generator) -> Events:
    """Random pixels and polarities at given times."""
    count = len(t_us)
    x, y = (rng.integers(0, side, count).astype(np.uint16) for side in (SIZE.width, SIZE.height))
    return Events(x, y, t_us.astype(np.int64), rng.random(count) < 0.5, SIZE)


def recording(folder: Path) -> Path:
    """A store of 2 s, quiet in its first second, with one hot pixel; its receipt."""
    rng = np.random.default_rng(4)
    t_us = np.sort(np.concatenate([rng.integers(0, 1_000_000, 4_000), rng.integers(1_000_000, 2_000_000, 36_000)]))
    t_us[0], t_us[-1] = 0, 1_999_999
    events = events_at(t_us, rng)
    hot = np.arange(len(t_us)) % 40 == 0
    events = Events(
        np.where(hot, HOT_X, events.x).astype(np.uint16), np.where(hot, HOT_Y, events.y).astype(np.uint16),
        events.t, events.p, SIZE,
    )  # fmt: skip
    writer = RecordingWriter(folder / "test0.zarr", SIZE)
    writer.add(events)
    writer.finish()
    receipt = folder / "test0.json"
    receipt.write_text(json.dumps({"counts": {"events": len(t_us)}}))
    return receipt


def clips(folder: Path, contrasts: list[float]) -> Path:
    """A clip store, a clip for each threshold; its receipt."""
    rng = np.random.default_rng(5)
    made = (
        Clip(
            clip_id=f"a/{number}",
            events=events_at(np.sort(rng.integers(0, 60_000, 3_000)), rng),
            t_us=np.array([0, 30_000, 60_000]),
            frame_paths=(folder / "frame.png",) * 3,
            frame_sha256=("0" * 64,) * 3,
            contrast_pos=contrast,
            contrast_neg=contrast + 0.1,
            seed=number,
            subframes=np.array([1, 1]),
        )
        for number, contrast in enumerate(contrasts)
    )
    out = folder / "train-00000.zarr"
    write_clip_store(out, made, algo_version=1, seed=1, options={"noise": {"hot_pixel_count": 3, "hot_pixels": []}})
    return out.with_suffix(".json")


def test_the_page_of_a_recording_shows_its_rate_and_names_its_hot_pixel(tmp_path: Path) -> None:
    (page,) = data_pages([recording(tmp_path)], OPTIONS)
    lines = dict(page.survey.lines)
    assert lines["hot pixels"].startswith("1 with 2.")
    assert f"(x {HOT_X}, y {HOT_Y})" in lines["hot pixels"]
    assert lines["events a second"] == "20,000"
    assert lines["threshold C+, fitted"].startswith("not identifiable: needs events and more than")
    ((caption, figure),) = page.survey.figures
    assert caption == "Event rate over time"
    assert "Events a second over the 2.0 s" in figure
    assert page.survey.map is not None
    assert (page.survey.map.width, page.survey.map.height) == (SIZE.width, SIZE.height)


def test_the_page_of_clips_shows_their_thresholds_and_simulated_hot_pixels(tmp_path: Path) -> None:
    (page,) = data_pages([clips(tmp_path, [0.1, 0.2, 0.3])], OPTIONS)
    lines = dict(page.survey.lines)
    assert lines["threshold C+"] == "0.200, between 0.100 and 0.300"
    assert lines["threshold C-"] == "0.300, between 0.200 and 0.400"
    assert dict(page.lines)["hot pixels"] == "3 simulated in each clip"
    assert [caption.split(":")[0] for caption, _ in page.survey.figures] == [
        "Contrast thresholds of all clips",
        "Event rate over a clip",
    ]


def test_no_more_clips_are_read_than_asked_for_and_the_page_says_so(tmp_path: Path) -> None:
    receipt = clips(tmp_path, [0.1] * 10)
    (page,) = data_pages([receipt], OPTIONS.replaced(surveyed_clips=4))
    assert "median of 4 of 10 clips" in page.survey.figures[1][0]
    (unread,) = data_pages([receipt], OPTIONS.replaced(surveyed_clips=0))
    assert len(unread.survey.figures) == 1


def test_recordings_beyond_the_most_events_are_left_alone_and_the_page_says_so(tmp_path: Path) -> None:
    (page,) = data_pages([recording(tmp_path)], OPTIONS.replaced(surveyed_events=39_999))
    assert "evfi doctor" in page.survey.note
    assert page.survey.figures == ()


def test_clips_of_a_part_are_told_together_and_recordings_one_by_one(tmp_path: Path) -> None:
    for number in range(2):
        receipt = {"clip_ids": ["a/1", "a/2"], "event_count": 5000, "options": {"preset": "evtexture"}}
        (tmp_path / f"train-0000{number}.json").write_text(json.dumps(receipt))
    recording = {
        "source": {"file": "cut <b>.aedat4", "sha256": "ab" * 32, "camera": "DAVIS240C"},
        "counts": {"events": 1_234_567, "frames": 150, "truth": 0},
        "repairs": {"not_monotone": 3, "outside": 0},
        "arrays": {"frames/image": {"shape": [150, 180, 240]}},
    }
    (tmp_path / "test0.json").write_text(json.dumps(recording))
    septuplets, davis = data_pages(sorted(tmp_path.glob("*.json"), reverse=True), OPTIONS)
    assert septuplets.title == "Clips, train"
    assert dict(septuplets.lines) == {
        "clips": "4",
        "shards": "2",
        "events": "10,000",
        "events a clip": "2,500",
    }
    assert septuplets.more == (("preset", "evtexture"),)
    facts = dict(davis.lines)
    assert facts["events"] == "1,234,567"
    assert facts["frame size"] == "240 x 180"
    assert facts["repaired: not monotone"] == "3"
    assert "repaired: outside" not in facts
    assert "not there" in davis.survey.note
    assert "not all stores" in septuplets.survey.note.lower()

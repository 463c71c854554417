"""The clip store: what goes in comes out by clip, frames are links that are checked."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.clips import Clip, open_clips, write_clip_store
from evfi.io.images import write_png
from evfi.io.stores import store_digests
from evfi.provenance import digest_file
from evfi.types import Events, SensorSize


def make_clip(folder, number: int, n: int, size: SensorSize, frames: int = 7, gray: bool = False) -> Clip:
    rng = np.random.default_rng(number)
    paths = []
    for frame in range(frames):
        path = folder / "raw" / f"{number:04d}" / f"im{frame + 1}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (size.height, size.width) + (() if gray else (3,))
        write_png(path, rng.integers(0, 256, shape, dtype=np.uint8))
        paths.append(path)
    t_us = 33_333 * np.arange(frames, dtype=np.int64)
    events = Events(
        rng.integers(0, size.width, n).astype(np.uint16),
        rng.integers(0, size.height, n).astype(np.uint16),
        np.sort(rng.integers(0, int(t_us[-1]), n)),
        rng.random(n) < 0.5,
        size,
    )
    return Clip(
        clip_id=f"00001/{number:04d}",
        events=events,
        t_us=t_us,
        frame_paths=tuple(paths),
        frame_sha256=tuple(digest_file(path) for path in paths),
        contrast_pos=0.1 + number / 100,
        contrast_neg=0.2 + number / 100,
        seed=(1 << 62) + number,
        subframes=np.arange(frames - 1) + number,
    )


@pytest.fixture
def clips(tmp_path) -> list[Clip]:
    small, large = SensorSize(height=18, width=24), SensorSize(height=20, width=30)
    return [
        make_clip(tmp_path, 1, 500, small),
        make_clip(tmp_path, 2, 0, large),
        make_clip(tmp_path, 3, 90_000, large),
        make_clip(tmp_path, 4, 30, small, frames=3, gray=True),
    ]


@pytest.fixture
def store(tmp_path, clips):
    write_clip_store(tmp_path / "stores" / "c.zarr", clips, algo_version=1, seed=7, options={"law": "log"})
    return open_clips(tmp_path / "stores" / "c.zarr")


def test_every_clip_comes_back(store, clips, assert_same_events):
    assert store.ids == [clip.clip_id for clip in clips]
    assert (len(store), store.event_count) == (4, 90_530)
    for number, clip in enumerate(clips):
        assert_same_events(store.events(number), clip.events)
        assert store.sensor_size(number) == clip.events.sensor_size == store.events(number).sensor_size
        np.testing.assert_array_equal(store.t_us(number), clip.t_us)
        assert store.contrast(number) == (clip.contrast_pos, clip.contrast_neg)
        assert store.seed(number) == clip.seed
        np.testing.assert_array_equal(store.subframes(number), clip.subframes)
        assert store.frame_path(number, 1).resolve() == clip.frame_paths[1]


def test_thresholds_of_every_pixel_come_back_by_clip(tmp_path, clips):
    def drawn(k):
        size = clips[k].events.sensor_size
        return tuple(np.random.default_rng([k, sign]).random((size.height, size.width)) for sign in (0, 1))

    given = [replace(clip, pixel_contrast=drawn(k)) for k, clip in enumerate(clips)]
    write_clip_store(tmp_path / "p.zarr", given, algo_version=1, seed=7)
    store = open_clips(tmp_path / "p.zarr")
    for k in (3, 0, 2, 1):
        for stored, pixels in zip(store.pixel_contrast(k) or (), drawn(k), strict=True):
            np.testing.assert_array_equal(stored, pixels.astype(np.float32))


def test_without_thresholds_of_every_pixel_there_is_no_array_for_them(store):
    assert store.pixel_contrast(0) is None
    assert not [name for name in store_digests(store.path) if "pixel" in name]


def test_thresholds_of_every_pixel_of_some_clips_only_or_of_another_shape_are_refused(tmp_path, clips):
    pixels = np.ones((18, 24))
    mixed = [replace(clips[0], pixel_contrast=(pixels, pixels)), clips[1]]
    for order in (mixed, mixed[::-1]):
        with pytest.raises(UserError, match=r"all clips of a store.*or none"):
            write_clip_store(tmp_path / "m.zarr", order, algo_version=1, seed=7)
        assert not (tmp_path / "m.zarr").exists()
    with pytest.raises(UserError, match=r"thresholds of every pixel.*\(24, 18\)"):
        replace(clips[0], pixel_contrast=(pixels, pixels.T))


def test_a_window_of_a_clip_is_half_open_and_its_bounds_optional(store, clips, assert_same_events):
    events = clips[2].events
    assert_same_events(store.events(2, 33_333, 66_666), events.window(33_333, 66_666))
    assert_same_events(store.events(2, start_us=33_333), events.take(events.t >= 33_333))
    assert_same_events(store.events(2, end_us=33_333), events.take(events.t < 33_333))
    with pytest.raises(UserError, match="is empty"):
        store.events(2, 5, 5)


def test_frames_are_rgb_and_gray_files_replicated(store, clips):
    from evfi.io.images import read_image

    np.testing.assert_array_equal(store.frame(0, 6), read_image(clips[0].frame_paths[6]))
    gray = read_image(clips[3].frame_paths[2])
    assert store.frame(3, 2).shape == (18, 24, 3)
    np.testing.assert_array_equal(store.frame(3, 2)[..., 1], gray)


def test_links_survive_when_store_and_frames_move_together(store, tmp_path):
    image = store.frame(0, 0)
    (tmp_path / "moved").mkdir()
    for name in ("stores", "raw"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    moved = open_clips(tmp_path / "moved" / "stores" / "c.zarr")
    np.testing.assert_array_equal(moved.frame(0, 0), image)


def test_a_frame_that_is_gone_is_named(store, clips):
    clips[0].frame_paths[3].unlink()
    with pytest.raises(MissingInputError, match=r"im4\.png of clip 00001/0001 cannot be read .*simulate again"):
        store.frame(0, 3)


def test_a_frame_that_has_changed_is_refused(store, clips):
    write_png(clips[0].frame_paths[3], np.zeros((18, 24, 3), np.uint8))
    with pytest.raises(InputFileError, match=r"im4\.png has changed since .*c\.zarr was made"):
        store.frame(0, 3)


def test_numbers_beyond_the_store_are_index_errors(store):
    for call in (
        lambda: store.events(4),
        lambda: store.t_us(-1),
        lambda: store.frame(3, 3),
        lambda: store.frame(0, -1),
    ):
        with pytest.raises(IndexError):
            call()


def test_equal_clips_give_equal_stores_and_receipts(tmp_path, clips):
    for name in ("a", "b"):
        write_clip_store(tmp_path / name / "c.zarr", iter(clips), algo_version=1, seed=7)
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file() and path.name != "c.provenance.json"]
    assert len(files) > 10
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path


def test_the_receipt_tells_ids_seed_options_and_digests(tmp_path, clips):
    receipt = write_clip_store(tmp_path / "c.zarr", clips, algo_version=3, seed=7, options={"law": "log"})
    assert receipt["clip_ids"] == [clip.clip_id for clip in clips]
    assert (receipt["algo_version"], receipt["seed"], receipt["options"]) == (3, 7, {"law": "log"})
    assert {name: array["sha256"] for name, array in receipt["arrays"].items()} == store_digests(tmp_path / "c.zarr")


def test_an_error_half_way_leaves_nothing(tmp_path, clips):
    def failing():
        yield clips[0]
        raise InputFileError("im3.png is not a whole image")

    with pytest.raises(InputFileError, match=r"im3\.png"):
        write_clip_store(tmp_path / "out" / "c.zarr", failing(), algo_version=1, seed=0)
    assert list((tmp_path / "out").iterdir()) == []


def test_clips_are_taken_one_at_a_time(tmp_path, clips):
    alive = []

    def counted():
        for clip in clips:
            alive.append(clip.clip_id)
            yield clip

    generator = counted()
    next(generator)
    assert alive == ["00001/0001"]
    receipt = write_clip_store(tmp_path / "c.zarr", generator, algo_version=1, seed=0)
    assert receipt["clip_ids"] == ["00001/0002", "00001/0003", "00001/0004"]


def test_a_store_of_no_clip_opens(tmp_path):
    write_clip_store(tmp_path / "c.zarr", [], algo_version=1, seed=0)
    assert len(open_clips(tmp_path / "c.zarr")) == 0


def test_a_clip_store_goes_to_another_process_as_its_path(store, clips, assert_same_events):
    store.events(0)
    copy = pickle.loads(pickle.dumps(store))  # noqa: S301
    assert vars(copy) == {"path": store.path}
    assert_same_events(copy.events(2), clips[2].events)


def test_a_clip_whose_parts_do_not_fit_is_refused(tmp_path, clips):
    one = clips[0]
    with pytest.raises(UserError, match="clip 00001/0001: 7 times need as many paths"):
        Clip(one.clip_id, one.events, one.t_us, one.frame_paths[:6], one.frame_sha256, 0.1, 0.1, 0, one.subframes)


def test_opening_another_kind_of_store_is_refused(recorded, tmp_path):
    from evfi.io.ingest import ingest

    ingest(recorded.path, tmp_path / "r.zarr")
    with pytest.raises(InputFileError, match=r"kind 'evfi\.recording', expected 'evfi\.clips'"):
        open_clips(tmp_path / "r.zarr")

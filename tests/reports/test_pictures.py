import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evfi.errors import UserError
from evfi.reports.figures import Line, line_figure, training_figure
from evfi.reports.pictures import error_gradient, error_map, event_overlay, loop, picture
from evfi.reports.trainings import Curve, read_trainings
from evfi.reports.views import bars, tracks
from evfi.representation.drawing import OFF_COLOUR, ON_COLOUR, draw_events
from evfi.types import Events, SensorSize


def decoded(uri: str) -> Image.Image:
    head, _, data = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def scene(seed: int = 0, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_a_lossless_picture_keeps_every_pixel() -> None:
    image = scene()
    made = picture(image, alt="noise", side=100, quality=None)
    assert (np.asarray(decoded(made.uri).convert("RGB")) == image).all()
    assert (made.width, made.height) == (60, 40)


def test_a_large_picture_is_made_smaller_and_a_small_one_not_larger() -> None:
    assert (picture(scene(size=(80, 200)), alt="", side=50, quality=80).width) == 50
    assert (picture(scene(size=(8, 20)), alt="", side=50, quality=80).width) == 20


def test_a_gray_picture_is_shown_in_gray() -> None:
    made = picture(np.full((10, 12), 77, np.uint8), alt="", side=50, quality=None)
    assert np.asarray(decoded(made.uri).convert("RGB")).tolist() == np.full((10, 12, 3), 77).tolist()


def test_a_loop_goes_there_and_back_at_the_pace_of_tau() -> None:
    images = [np.full((16, 16, 3), level, np.uint8) for level in (0, 80, 160, 240)]
    made = decoded(loop(images, [0.0, 0.5, 0.75, 1.0], alt="", side=50, quality=80, duration_ms=800).uri)
    assert made.n_frames == 6
    durations, levels = [], []
    for number in range(made.n_frames):
        made.seek(number)
        made.load()
        durations.append(made.info["duration"])
        levels.append(round(float(np.asarray(made.convert("RGB")).mean()), -1))
    assert durations == [400, 200, 200, 200, 200, 400]
    assert levels == [0, 80, 160, 240, 160, 80]


def test_a_loop_of_one_image_is_refused() -> None:
    with pytest.raises(UserError, match="two images or more"):
        loop([scene()], [0.0], alt="", side=50, quality=80, duration_ms=800)


@given(difference=st.integers(0, 255), scale=st.integers(1, 255))
def test_an_error_map_is_black_at_zero_and_brightest_from_the_scale_on(difference: int, scale: int) -> None:
    target = np.zeros((1, 1, 3), np.uint8)
    colour = error_map(np.full_like(target, difference), target, scale)[0, 0].astype(int)
    black = error_map(target, target, scale)[0, 0].astype(int)
    brightest = error_map(np.full_like(target, 255), target, 1)[0, 0].astype(int)
    assert black.sum() < 10
    assert (colour == brightest).all() if difference >= scale else colour.sum() <= brightest.sum()
    assert (difference > 0 and difference * 255 >= scale) == bool((colour != black).any())


def test_an_error_map_is_the_mean_over_channels_and_has_no_sign() -> None:
    target = np.full((1, 2, 3), 100, np.uint8)
    image = np.array([[[130, 100, 100], [90, 90, 110]]], np.uint8)
    both = error_map(image, target, 48)
    assert (both[0, 0] == both[0, 1]).all()


def test_an_error_map_of_two_sizes_is_refused() -> None:
    with pytest.raises(UserError, match="one size"):
        error_map(scene(), scene(size=(40, 61)), 48)


def test_the_printed_colour_scale_is_that_of_the_map() -> None:
    first, last = error_map(np.array([[[0] * 3, [255] * 3]], np.uint8), np.zeros((1, 2, 3), np.uint8), 48)[0].tolist()
    assert error_gradient().startswith(f"linear-gradient(to right,rgb({first[0]},{first[1]},{first[2]}),")
    assert error_gradient().endswith(f"rgb({last[0]},{last[1]},{last[2]}))")


def test_a_figure_takes_its_colours_from_the_page_and_shares_no_id(make_training, tmp_path: Path) -> None:
    stages = read_trainings([make_training(tmp_path / "net" / name) for name in ("a", "b")])
    figures = [str(training_figure(stage)) for stage in stages]
    ids = []
    for text in figures:
        root = ElementTree.fromstring(text)  # noqa: S314 - made two lines above
        ids.append({element.attrib["id"] for element in root.iter() if "id" in element.attrib})
        assert "var(--series-2)" in text
        assert "#0" not in text.replace("url(#", "").replace('href="#', "")
        assert "<style" not in text
        assert "validation PSNR, dB" in text
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_figure_escapes_the_name_of_its_stage(make_training, tmp_path: Path) -> None:
    (stage,) = read_trainings([make_training(tmp_path / 'n"><script>' / "$a_b$")])
    assert "<script>" not in training_figure(stage)


def test_the_same_figure_is_drawn_with_the_same_bytes() -> None:
    lines = [
        Line(0, False, (0.25, 0.5, 0.75), (20.0, 19.0, 20.5)),
        Line(4, True, (0.25, 0.5, 0.75), (25.0, 24.0, 25.5)),
    ]
    words = {"x_label": "tau", "y_label": "PSNR, dB", "name": "one", "description": "PSNR by tau"}
    drawn = [line_figure(lines, **words) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert "var(--series-4)" in drawn[0]


def test_a_long_journal_is_thinned_to_few_points(tmp_path: Path, make_training) -> None:
    (stage,) = read_trainings([make_training(tmp_path / "net" / "long", steps=20_000)])
    assert len(stage.loss) == 2000
    assert len(training_figure(stage)) < 60_000


@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 3).map(sorted), min_size=1, max_size=6), st.floats(-50, 50))
def test_tracks_stay_inside_and_in_order(spans: list[list[float]], mark: float) -> None:
    for track, (low, value, high) in zip(tracks([(v, lo, hi) for lo, v, hi in spans], mark=mark), spans, strict=True):
        assert track is not None
        assert track.dot is not None
        assert track.mark is not None
        assert 0 <= track.left <= track.dot + 0.02 <= track.left + track.width + 0.05 <= 100.1
        assert 0 < track.mark < 100
        if value - mark > 0.1:
            assert track.dot > track.mark
        assert (high - low > 0.1) <= (track.width > 0)


def test_a_track_without_an_interval_has_no_width() -> None:
    first, none, second = tracks([(1.0, float("nan"), float("nan")), None, (3.0, 2.0, 4.0)])
    assert none is None
    assert first is not None
    assert second is not None
    assert (first.width, first.left) == (0, first.dot)
    assert second.width > 0


def test_the_longest_bar_fills_its_track() -> None:
    assert [bar.width for bar in bars([5.0, 10.0, 0.0])] == [50.0, 100.0, 0.0]


def test_a_curve_keeps_the_last_line_of_a_step_and_drops_what_is_not_finite(tmp_path: Path, make_training) -> None:
    folder = make_training(tmp_path / "net" / "resumed", steps=20)
    with (folder / "metrics.jsonl").open("a") as journal:
        journal.write('{"kind": "train", "step": 20, "loss": 0.5}\n{"kind": "train", "step": 30, "loss": null}\n\n')
    (stage,) = read_trainings([folder])
    assert stage.loss.steps == (10, 20)
    assert stage.loss.values[-1] == 0.5
    assert stage.validation_psnr == Curve((), ())


def test_an_overlay_of_events_is_clear_everywhere_else() -> None:
    image = np.full((6, 8, 3), 90, np.uint8)
    events = Events(
        np.array([1, 4], np.uint16), np.array([2, 5], np.uint16), np.array([0, 1], np.int64),
        np.array([True, False]), SensorSize(height=6, width=8),
    )  # fmt: skip
    overlay = event_overlay(draw_events(image, events))
    assert overlay.shape == (6, 8, 4)
    assert tuple(overlay[2, 1]) == (*ON_COLOUR, 255)
    assert tuple(overlay[5, 4]) == (*OFF_COLOUR, 255)
    assert int((overlay[..., 3] > 0).sum()) == 2
    again = np.asarray(decoded(picture(overlay, alt="", side=20, quality=None).uri))
    assert (again[..., 3] == overlay[..., 3]).all()


def test_the_loss_of_a_training_that_falls_far_has_plain_numbers_on_its_axis(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    lines = [json.dumps({"kind": "train", "step": step, "loss": 4 / step}) for step in range(1, 60)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    figure = str(training_figure(read_trainings([tmp_path])[0]))
    assert "mathdefault" not in figure
    assert {"0.1", "0.2", "0.5", "1", "2"} <= set(re.findall(r">([0-9.]+)</text>", figure))

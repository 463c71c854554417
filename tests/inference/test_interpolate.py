"""Frames at any time: original frames bit for bit, gray stays gray, streaming, errors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.inference.cleaning import Cleaning
from evfi.inference.interpolate import FrameInserter, interpolate, interpolated_frames
from evfi.inference.predictor import Predictor, load_predictor
from evfi.inference.quantise import quantised
from evfi.inference.windows import times_of_factor
from evfi.io.recording import Recording
from evfi.models.registry import family_named
from evfi.models.weights import load_model, model_meta, save_weights
from evfi.samples.sample import Sample, as_rgb, is_gray
from evfi.types import Events, SensorSize
from tests.untrained import untrained


@pytest.mark.parametrize("kind", ["gray", "colour"])
def test_frames_at_frame_times_are_copied_bit_for_bit(
    kind: str, recording_of: Callable[[str], Recording], weights: Path
) -> None:
    recording = recording_of(kind)
    times = times_of_factor(recording.frames.t_us, 3)
    images = interpolate(recording, times, weights)
    assert images.dtype == np.uint8
    assert images.shape == (13, 35, 42, 3)[: 4 if kind == "colour" else 3]
    for number in range(5):
        np.testing.assert_array_equal(images[3 * number], recording.frames[number])


def test_an_inserted_frame_is_the_networks_answer_to_the_sample_of_its_gap(colour: Recording, weights: Path) -> None:
    t0, t1 = (int(t) for t in colour.frames.t_us[1:3])
    t = t0 + 11_111
    frames = [colour.frames[number] for number in range(4)]
    sample = Sample(
        "by hand", "x", frames[1], frames[2], None, colour.events(t0, t1), t0, t1, t, before=frames[0], after=frames[3]
    )
    loaded = load_model(weights)
    family = loaded.family
    expected = family.predict(loaded.model, family.collate([family.prepare(sample)])).frame[0].permute(1, 2, 0).numpy()
    found = interpolate(colour, t, weights)
    assert found.shape == (1, 35, 42, 3)
    difference = np.abs(found[0].astype(int) - quantised(expected))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001, "nothing but halves that round the other way"


def test_a_gray_frame_is_the_rounded_mean_of_the_networks_channels(gray: Recording, weights: Path) -> None:
    t0, t1 = (int(t) for t in gray.frames.t_us[:2])
    t = (t0 + t1) // 2
    sample = Sample("x", "x", as_rgb(gray.frames[0]), as_rgb(gray.frames[1]), None, gray.events(t0, t1), t0, t1, t)
    loaded = load_model(weights)
    colours = loaded.family.predict(loaded.model, loaded.family.collate([loaded.family.prepare(sample)])).frame[0]
    assert not torch.equal(colours[0], colours[1]), "the network itself gives colours"
    expected = np.rint(colours.numpy().mean(axis=0, dtype=np.float64) * 255)
    found = interpolate(gray, t, weights)[0].astype(int)
    assert np.abs(found - expected).max() <= 1
    assert (found == expected).mean() > 0.999


def test_order_and_repetition_of_times_are_kept(gray: Recording, predictor: Predictor) -> None:
    first, *_, last = gray.frames.t_us.tolist()
    times = np.array([last, first + 50_000, first, first + 50_000], np.int64)
    images = [*interpolated_frames(gray, times, predictor)]
    np.testing.assert_array_equal(images[0], gray.frames[4])
    np.testing.assert_array_equal(images[2], gray.frames[0])
    np.testing.assert_array_equal(images[1], images[3])


def test_frames_do_not_depend_on_the_batch_beyond_rounding(colour: Recording, weights: Path) -> None:
    times = times_of_factor(colour.frames.t_us[:2], 6)
    one, four = (
        np.stack([*interpolated_frames(colour, times, load_predictor(weights, batch_size=size))]).astype(int)
        for size in (1, 4)
    )
    assert np.abs(one - four).max() <= 1


def test_frames_come_one_by_one_before_later_gaps_are_read(
    gray: Recording, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    events_of = Recording.events
    monkeypatch.setattr(Recording, "events", lambda self, a, b: read.append(a) or events_of(self, a, b))
    frames = interpolated_frames(gray, times_of_factor(gray.frames.t_us, 2), predictor)
    next(frames)
    assert read == []
    next(frames)
    assert len(read) == 1


def test_at_most_four_frames_are_kept_and_each_is_decoded_once(
    gray: Recording, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    stream = type(gray.frames)
    read = stream.__getitem__
    monkeypatch.setattr(stream, "__getitem__", lambda self, number: decoded.append(number) or read(self, number))
    inserter = FrameInserter(gray, predictor, cleaning=Cleaning())
    for _ in inserter.frames(times_of_factor(gray.frames.t_us, 2)):
        assert len(inserter._kept) <= 4
    assert sorted(decoded) == [0, 1, 2, 3, 4]
    assert (inserter.predicted, inserter.copied, inserter.gaps_without_events) == (4, 5, 1)


def test_a_changed_result_does_not_change_the_next(gray: Recording, predictor: Predictor) -> None:
    times = gray.frames.t_us[[0, 0]]
    frames = interpolated_frames(gray, times, predictor)
    next(frames)[:] = 0
    np.testing.assert_array_equal(next(frames), gray.frames[0])


def test_no_times_give_no_frames(gray: Recording, weights: Path) -> None:
    assert interpolate(gray, [], weights).shape == (0, 35, 42)


def test_a_recording_without_frames_is_refused(without_frames: Recording, weights: Path) -> None:
    with pytest.raises(MissingInputError, match=r"events\.zarr has no frames"):
        interpolate(without_frames, 0, weights)


def test_times_outside_are_refused_before_the_weights_are_read(gray: Recording, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies outside the frames"):
        interpolate(gray, 5, tmp_path / "none.safetensors")


def test_predictions_of_a_gray_sample_are_gray_in_all_parts(gray: Recording, predictor: Predictor) -> None:
    prediction = predictor.predict([sample_of(gray)])[0]
    assert is_gray(prediction.frame)
    assert set(prediction.intermediates) == {"synthesis", "refined0", "refined1"}
    assert all(is_gray(image) for image in prediction.intermediates.values())
    assert prediction.frame.dtype == np.float32


def sample_of(recording: Recording, cut: int = 0) -> Sample:
    t0, t1 = (int(t) for t in recording.frames.t_us[:2])
    height, width = recording.sensor_size.height - cut, recording.sensor_size.width
    frames = [np.ascontiguousarray(as_rgb(recording.frames[number])[:height]) for number in (0, 1)]
    events = recording.events(t0, t1)
    events = events.take(events.y < height)
    cropped = Events(events.x, events.y, events.t, events.p, SensorSize(height=height, width=width))
    return Sample(f"cut {cut}", "x", frames[0], frames[1], None, cropped, t0, t1, (t0 + t1) // 2)


def test_samples_of_several_sizes_are_answered_in_their_order(colour: Recording, predictor: Predictor) -> None:
    shapes = [prediction.frame.shape for prediction in predictor.predict([sample_of(colour, n) for n in (0, 3, 3, 0)])]
    assert shapes == [(35, 42, 3), (32, 42, 3), (32, 42, 3), (35, 42, 3)]


def test_weights_that_predict_nonsense_are_refused(tmp_path: Path, colour: Recording) -> None:
    family = family_named("timelens")
    options = family.options(base_width=4)
    state = family.build(options).state_dict()
    for tensor in state.values():
        tensor.fill_(float("nan"))
    save_weights(tmp_path / "nan.safetensors", state, model_meta(family, "attention", options))
    with pytest.raises(InputFileError, match="not finite"):
        load_predictor(tmp_path / "nan.safetensors").predict([sample_of(colour)])


def test_weights_of_an_unknown_family_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"a": torch.zeros(1)}, {"family": "timelens9", "stage": "x", "model": {}})
    with pytest.raises(InputFileError, match="timelens9"):
        load_predictor(path)


@pytest.mark.parametrize("device", ["gpu", "meta", "cuda:99", "mps"])
def test_a_device_that_is_not_there_is_never_replaced_in_silence(device: str, weights: Path) -> None:
    with pytest.raises(UserError, match="device"):
        load_predictor(weights, device=device)


def test_threads_and_batch_size_below_one_are_refused(weights: Path) -> None:
    for wrong in ({"threads": 0}, {"batch_size": 0}):
        with pytest.raises(UserError, match="at least 1"):
            load_predictor(weights, **wrong)


def test_a_family_that_looks_around_the_pair_gets_context_frames_and_their_events(
    gray: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = load_predictor(untrained(tmp_path / "wevi.safetensors", "wevi"))
    seen: list[Sample] = []
    answered = predictor.predict
    monkeypatch.setattr(predictor, "predict", lambda samples: seen.extend(samples) or answered(samples))
    times = gray.frames.t_us
    wanted = (times[:-1] + times[1:]) // 2
    assert all(frame.shape == (35, 42) for frame in interpolated_frames(gray, wanted, predictor))
    first, second, *_, last = seen
    assert (first.before_us, first.after_us) == (None, times[2])
    assert (second.before_us, second.after_us) == (times[0], times[3])
    assert (last.before_us, last.after_us) == (times[2], None)
    for sample in seen:
        assert sample.outer_events is not None
        np.testing.assert_array_equal(sample.outer_events.t, gray.events(*sample.outer_window).t)
    assert len(second.outer_events or ()) > len(second.events)

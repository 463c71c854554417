"""The whole evaluation on small stores: layout, figures, pictures, determinism, errors."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from evfi.errors import MissingInputError, UserError
from evfi.evaluation.aggregate import aggregate, gains_over_parts
from evfi.evaluation.evaluate import evaluate
from evfi.evaluation.metrics import psnr_float, psnr_u8
from evfi.evaluation.options import BootstrapOptions, EvaluationOptions
from evfi.inference.predictor import load_predictor
from evfi.io.clips import Clip, write_clip_store
from evfi.io.images import read_image, write_png
from evfi.io.recording import RecordingWriter
from evfi.provenance import digest_file
from evfi.reports.page import write_report
from evfi.samples.index import RecordingSource, write_index
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from evfi.types import Events, Frames, SensorSize
from tests.untrained import untrained

OPTIONS = EvaluationOptions(pictures_per_protocol=1)
BASELINES = ["copy", "blend", "flow", "event_integration"]
CONTRAST = 0.15


def scene(times: np.ndarray, seed: int, height: int, width: int) -> np.ndarray:
    """A smooth texture that moves to the right, uint8 (N, H, W)."""
    rng = np.random.default_rng(seed)
    waves = rng.uniform(0.1, 0.5, (6, 2)), rng.uniform(0, 6, 6)
    y, x = np.mgrid[:height, :width]
    images = [
        sum(np.sin(a * (x - 2.0 * t) + b * y + phase) for (a, b), phase in zip(*waves, strict=True)) for t in times
    ]
    return np.rint(128 + 18 * np.stack(images)).clip(5, 250).astype(np.uint8)


def simulated(seed: int, height: int, width: int) -> Events:
    """An event at the end of each short step for every contrast that a pixel has moved."""
    fine = np.arange(0, 6.01, 0.05)
    logs = np.log(scene(fine, seed, height, width) / 255 + 0.001)
    level = logs[0].copy()
    columns = []
    for time, log in zip(fine[1:], logs[1:], strict=True):
        moved = np.trunc((log - level) / CONTRAST).astype(int)
        level += moved * CONTRAST
        y, x = np.nonzero(moved)
        repeats = np.abs(moved[y, x])
        columns.append(np.repeat([x, y, np.full(len(x), round(time * 10_000) - 1), moved[y, x] > 0], repeats, axis=1))
    x, y, t, p = np.concatenate(columns, axis=1)
    size = SensorSize(height=height, width=width)
    return Events(x.astype(np.uint16), y.astype(np.uint16), t, p.astype(bool), size).in_canonical_order()


def clip(folder: Path, number: int) -> Clip:
    gray = scene(np.arange(7), number, 32, 40)
    images = np.stack([gray, gray * 0.9, gray * 0.8], axis=-1).astype(np.uint8)
    paths = tuple(folder / f"{number}-{frame}.png" for frame in range(7))
    for path, image in zip(paths, images, strict=True):
        write_png(path, image)
    return Clip(
        clip_id=f"00001/{number:04d}",
        events=simulated(number, 32, 40),
        t_us=np.arange(7, dtype=np.int64) * 10_000,
        frame_paths=paths,
        frame_sha256=tuple(digest_file(path) for path in paths),
        contrast_pos=CONTRAST,
        contrast_neg=CONTRAST,
        seed=number,
        subframes=np.full(6, 4),
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with test.parquet over two clips (colour, 40x32) and one recording (gray, 44x36, with truth)."""
    folder = tmp_path_factory.mktemp("stores")
    write_clip_store(folder / "clips.zarr", (clip(folder, number) for number in (1, 2)), algo_version=1, seed=0)
    recording = RecordingWriter(folder / "rec.zarr", SensorSize(height=36, width=44))
    recording.add_events(simulated(9, 36, 44))
    times = np.arange(7)
    recording.add_frames(Frames.without_exposure(scene(times, 9, 36, 44), times.astype(np.int64) * 10_000))
    between = np.sort(np.concatenate([times[:-1] + 1 / 3, times[:-1] + 2 / 3]))
    truth_us = np.rint(between * 10_000).astype(np.int64)
    recording.add_truth(Frames.without_exposure(scene(between, 9, 36, 44), truth_us))
    recording.finish()
    write_index(
        folder / "test.parquet",
        "test",
        clip_stores=[folder / "clips.zarr"],
        recordings=[RecordingSource(store=folder / "rec.zarr", name="rec", split="test")],
        options=SamplesOptions(septuplet_test_skips=(1, 5), recording_test_skips=(1,)),
    )
    return folder


@pytest.fixture(scope="module")
def measured(stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "evaluation" / "baselines"
    evaluate(stores / "test.parquet", out, options=OPTIONS)
    return out


def test_every_baseline_is_measured_on_every_target(measured: Path, stores: Path) -> None:
    table = pd.read_parquet(measured / "targets.parquet")
    index = pd.read_parquet(stores / "test.parquet")
    assert sorted(set(table["method"])) == sorted(BASELINES)
    for metric in OPTIONS.metrics:
        rows = table[table["metric"] == metric]
        expected = index[index["kind"] == "clip"] if metric == "event_consistency_true" else index
        assert len(rows) == 4 * len(expected)
        assert set(rows["sample_id"]) == set(expected["sample_id"])
    assert set(table.loc[table["protocol"] == "truth", "target"]) == {"truth+1", "truth+2"}
    assert set(table.loc[(table["dataset"] == "septuplets"), "target"]) == {"im2", "im3", "im4", "im5", "im6"}


def test_figures_are_those_of_the_answers_read_from_their_pictures(measured: Path, stores: Path) -> None:
    table = pd.read_parquet(measured / "targets.parquet").set_index(["sample_id", "method", "metric"])["value"]
    document = json.loads((measured / "evaluation.json").read_text())
    index = SampleReader(stores / "test.parquet")
    rows = pd.read_parquet(index.index).set_index("sample_id", drop=False)
    for entry in document["pictures"]:
        sample = index.at(rows.index.get_loc(entry["sample_id"]))
        folder = measured / "pictures" / entry["folder"]
        np.testing.assert_array_equal(read_image(folder / "target.png"), sample.target)
        for method in BASELINES:
            frame = read_image(folder / f"{method}.png") / 255
            assert table[entry["sample_id"], method, "psnr_u8"] == pytest.approx(
                psnr_u8(frame, sample.target), abs=1e-6
            )
        copied = psnr_float(sample.frame0 / 255, sample.target)
        assert table[entry["sample_id"], "copy", "psnr_float"] == pytest.approx(copied, abs=1e-4)


def test_temporal_figures_are_those_of_the_pictures_by_opencv_and_numpy_alone(stores: Path, tmp_path: Path) -> None:
    options = EvaluationOptions(metrics=("tof", "flicker"), pictures_per_protocol=1, batch_size=2)
    evaluate(stores / "test.parquet", tmp_path / "out", options=options)
    table = pd.read_parquet(tmp_path / "out" / "targets.parquet").set_index(["sample_id", "method", "metric"])["value"]
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    groups: dict[tuple, list[dict]] = {}
    for entry in sorted(document["pictures"], key=lambda entry: entry["tau"]):
        groups.setdefault((entry["dataset"], entry["protocol"], entry["skip"], entry["group"]), []).append(entry)
    assert {len(entries) for entries in groups.values()} == {1, 2, 5}

    def flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image for image in (before, after)]
        return dis.calc(gray[0], gray[1], None)

    for entries in groups.values():
        folders = [tmp_path / "out" / "pictures" / entry["folder"] for entry in entries]
        ends = [read_image(folders[0] / f"{name}.png") for name in ("frame0", "frame1")]
        truth = [ends[0], *(read_image(folder / "target.png") for folder in folders), ends[1]]
        for method in ("blend", "flow"):
            series = [ends[0], *(read_image(folder / f"{method}.png") for folder in folders), ends[1]]
            changed = [
                np.abs((series[k + 1].astype(float) - series[k]) - (truth[k + 1].astype(float) - truth[k])).mean()
                for k in range(len(truth) - 1)
            ]
            moved = [
                np.abs(flow(series[k], series[k + 1]) - flow(truth[k], truth[k + 1])).sum(-1).mean()
                for k in range(len(truth) - 1)
            ]
            for place, entry in enumerate(entries):
                expected = [np.mean(steps[place : place + 2]) for steps in (moved, changed)]
                found = [table[entry["sample_id"], method, metric] for metric in ("tof", "flicker")]
                assert found == pytest.approx(expected, abs=1e-4)


def test_lpips_without_weights_says_so_and_gives_no_figure(stores: Path, tmp_path: Path) -> None:
    options = EvaluationOptions(metrics=("lpips_alex", "psnr_float"), baselines=("copy",), pictures_per_protocol=0)
    evaluate(stores / "test.parquet", tmp_path / "out", options=options)
    table = pd.read_parquet(tmp_path / "out" / "targets.parquet")
    rows = table[table["metric"] == "lpips_alex"]
    assert rows["value"].isna().all()
    assert set(rows["note"]) == {"no weights"}


def test_methods_that_use_more_do_better_on_simulated_motion(measured: Path) -> None:
    rows = aggregate(pd.read_parquet(measured / "targets.parquet"), BootstrapOptions(samples=100))
    mean = {
        row.method: row.value
        for row in rows
        if (row.dataset, row.skip, row.metric, row.target, row.averaging)
        == ("septuplets", 5, "psnr_float", "all", "sequence")
    }
    assert mean["event_integration"] > mean["blend"] > mean["copy"]


def test_simulated_events_agree_with_the_truth_better_than_a_blend(measured: Path) -> None:
    table = pd.read_parquet(measured / "targets.parquet")
    mean = table[table["metric"] == "event_consistency_true"].groupby("method")["value"].mean()
    assert mean["event_integration"] > mean["blend"] > mean["copy"]


def test_the_document_names_methods_pictures_and_inputs(measured: Path, stores: Path) -> None:
    document = json.loads((measured / "evaluation.json").read_text())
    assert document["name"] == "baselines"
    assert [method["name"] for method in document["methods"]] == BASELINES
    assert all(method["family"] is None and method["of"] is None for method in document["methods"])
    assert document["index_sha256"] == digest_file(stores / "test.parquet")
    assert document["weights_sha256"] is None
    groups = {(entry["dataset"], entry["protocol"], entry["skip"], entry["group"]) for entry in document["pictures"]}
    assert len(groups) == 4, "one group for each data set, protocol and skip"
    folders = {entry["folder"] for entry in document["pictures"]}
    assert folders == {path.name for path in (measured / "pictures").iterdir()}
    assert (measured.parent / "baselines.provenance.json").is_file()


def test_equal_runs_give_equal_bytes(measured: Path, stores: Path, tmp_path: Path) -> None:
    evaluate(stores / "test.parquet", tmp_path / "baselines", options=OPTIONS)
    files = sorted(path.relative_to(measured) for path in measured.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path / "baselines") for path in (tmp_path / "baselines").rglob("*") if path.is_file()
    )
    assert [digest_file(measured / path) for path in files] == [
        digest_file(tmp_path / "baselines" / path) for path in files
    ]


def test_a_family_is_measured_with_all_that_it_joins(stores: Path, weights: Path, tmp_path: Path) -> None:
    options = OPTIONS.replaced(metrics=("psnr_float", "psnr_u8"), batch_size=3)
    document = evaluate(stores / "test.parquet", tmp_path / "timelens", weights=weights, options=options)
    names = ["timelens", "timelens/synthesis", "timelens/refined0", "timelens/refined1"]
    assert [method["name"] for method in document["methods"]] == names
    assert [method["of"] for method in document["methods"]] == [None, "timelens", "timelens", "timelens"]
    assert document["weights_sha256"] == digest_file(weights)
    table = pd.read_parquet(tmp_path / "timelens" / "targets.parquet")
    gains = gains_over_parts(table, "timelens", metric="psnr_float", dataset="septuplets", skip=1)
    assert [gain.other for gain in gains] == ["timelens/refined0", "timelens/refined1", "timelens/synthesis"]
    reader = SampleReader(stores / "test.parquet")
    sample = reader.at(7)
    frame = load_predictor(weights).predict([sample])[0].frame
    values = table.set_index(["sample_id", "method", "metric"])["value"]
    expected = psnr_float(frame, sample.target)
    assert values[sample.sample_id, "timelens", "psnr_float"] == pytest.approx(expected, abs=1e-3)
    folder = tmp_path / "timelens" / "pictures" / document["pictures"][0]["folder"]
    assert {path.name for path in folder.iterdir()} == {f"{name.replace('/', '-')}.png" for name in names}


def test_two_files_of_one_family_stand_in_one_table_by_their_names(stores: Path, weights: Path, tmp_path: Path) -> None:
    options = EvaluationOptions(pictures_per_protocol=0, metrics=("psnr_float",))
    for name in (None, "before"):
        evaluate(stores / "test.parquet", tmp_path / str(name), weights=weights, name=name, options=options)
    plain, named = (pd.read_parquet(tmp_path / name / "targets.parquet") for name in ("None", "before"))
    assert set(named["method"]) == {name.replace("timelens", "before") for name in set(plain["method"])}
    assert sorted(named["value"]) == sorted(plain["value"])
    with pytest.raises(UserError, match="letters, digits"):
        evaluate(stores / "test.parquet", tmp_path / "x", weights=weights, name="../x", options=options)
    with pytest.raises(UserError, match="belongs to weights"):
        evaluate(stores / "test.parquet", tmp_path / "x", name="x", options=options)


def test_targets_that_a_family_cannot_predict_are_not_applicable(stores: Path, tmp_path: Path) -> None:
    weights = untrained(tmp_path / "weights.safetensors", "convlstm")
    options = OPTIONS.replaced(metrics=("psnr_float", "event_consistency_true"), batch_size=3)
    document = evaluate(stores / "test.parquet", tmp_path / "convlstm", weights=weights, options=options)
    assert [method["name"] for method in document["methods"]] == ["convlstm", "convlstm/synthesis"]
    table = pd.read_parquet(tmp_path / "convlstm" / "targets.parquet")
    assert len(table) == 2 * (len(pd.read_parquet(stores / "test.parquet")) + 2 * 10)
    psnr = table[(table["metric"] == "psnr_float") & (table["method"] == "convlstm")]
    answered = psnr[psnr["value"].notna()]
    septuplets, recording = (answered[answered["dataset"] == name] for name in ("septuplets", "recordings"))
    assert set(septuplets["target"]) == {"im4"}
    assert set(septuplets["skip"]) == {1}
    assert len(septuplets) == 2
    # Seven frames, skip 1: the pair in the middle alone has a frame on both sides. Thirds have no middle.
    assert set(recording["protocol"]) == {"skip"}
    assert set(recording["group"]) == {"00002-00004"}
    assert set(answered["note"]) == {""}
    declined = psnr[psnr["value"].isna()]
    assert declined["note"].str.startswith("not predicted: ").all()
    assert declined["note"].str.contains("tau 0.333|no context frame").any()
    # Fresh weights predict the plain average.
    reader = SampleReader(stores / "test.parquet")
    sample = reader.at(pd.read_parquet(reader.index)["sample_id"].tolist().index(septuplets["sample_id"].iloc[0]))
    blend = psnr_float((sample.frame0 / 255 + sample.frame1 / 255) / 2, sample.target)
    assert septuplets["value"].iloc[0] == pytest.approx(blend, abs=1e-3)
    for entry in document["pictures"]:
        folder = tmp_path / "convlstm" / "pictures" / entry["folder"]
        assert folder.exists() == (entry["sample_id"] in set(answered["sample_id"]))


def test_without_a_true_frame_the_events_alone_judge_and_the_report_says_so(
    stores: Path, weights: Path, tmp_path: Path
) -> None:
    source = RecordingSource(store=stores / "rec.zarr", name="rec", split="test")
    options = SamplesOptions(recording_test_taus=(1 / 3, 2 / 3))
    write_index(tmp_path / "test.parquet", "test", clip_stores=[], recordings=[source], options=options)
    folders = [tmp_path / name for name in ("baselines", "timelens")]
    for folder, given in zip(folders, (None, weights), strict=True):
        evaluate(tmp_path / "test.parquet", folder, weights=given, options=OPTIONS)
        table = pd.read_parquet(folder / "targets.parquet").query("protocol == 'between'")
        assert set(table["target"]) == {"moment+1", "moment+2"}
        consistent = table["metric"] == "event_consistency"
        scores = table[consistent]
        assert scores["value"].notna().mean() > 0.5
        assert scores.loc[scores["value"].isna(), "note"].str.startswith("not identifiable").all()
        assert table.loc[~consistent, "value"].isna().all()
        assert table.loc[~consistent, "note"].str.startswith("no true frame").all()
    (tmp_path / "report").mkdir()
    write_report(tmp_path / "report", evaluations=folders)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "no true frames, 2 moments between neighbouring frames (recordings_between2)" in page


def test_no_figure_depends_on_the_number_of_threads(stores: Path, weights: Path, tmp_path: Path) -> None:
    tables = []
    for threads, granted in ((1, 2), (2, 1), (3, 2)):
        torch.set_num_threads(granted)
        out = tmp_path / f"{threads}"
        options = OPTIONS.replaced(threads=threads, batch_size=2)
        evaluate(stores / "test.parquet", out, weights=weights, options=options)
        tables.append((out / "targets.parquet").read_bytes())
    assert tables[0] == tables[1] == tables[2]


def test_an_index_without_test_rows_is_refused_and_nothing_is_left(stores: Path, tmp_path: Path) -> None:
    shutil.copytree(stores, tmp_path / "data")
    table = pd.read_parquet(tmp_path / "data" / "test.parquet")
    table.assign(split="train").to_parquet(tmp_path / "data" / "train.parquet")
    with pytest.raises(UserError, match="no test sample"):
        evaluate(tmp_path / "data" / "train.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_store_that_is_gone_is_named_and_nothing_is_left(stores: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(stores / "test.parquet", tmp_path / "data")
    with pytest.raises(MissingInputError, match=r"rec\.zarr|clips\.zarr"):
        evaluate(tmp_path / "data" / "test.parquet", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_weights_that_are_absent_are_named(stores: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none\.safetensors"):
        evaluate(stores / "test.parquet", tmp_path / "out", weights=tmp_path / "none.safetensors")

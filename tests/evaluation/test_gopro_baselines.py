"""The baselines on real frames (gopro240, skip 7) against plain NumPy."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage.metrics import structural_similarity

from evfi.evaluation.evaluate import evaluate
from evfi.evaluation.options import EvaluationOptions
from evfi.io.images import read_image
from evfi.io.recording import RecordingWriter
from evfi.samples.index import RecordingSource, write_index
from evfi.samples.options import SamplesOptions
from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import simulate
from evfi.types import Events, Frames, SensorSize
from tests.evaluation import plain_baselines as plain

SKIP = 7
FRAME_US = 4_167
# groups overlap (they slide by one frame); of whole frames, which take minutes, the first and the last are compared
PARTS = {
    "a part of 256x192": (slice(200, 392), slice(300, 556), range(9)),
    "whole frames": (slice(None), slice(None), (0, 8)),
}
# float32 against float64 decides which way a blend of two levels that lies half-way between is rounded; flow: float32
# kernels and OpenCV's own cubic as well
TOLERANCE = (
    {"psnr_float": 1e-3, "ie": 0.01, "ssim_gauss2d_valid": 1e-5},
    {"psnr_float": 0.06, "ie": 0.03, "ssim_gauss2d_valid": 1e-3},
)


def store(folder: Path, images: np.ndarray) -> Events:
    """A recording of the frames with events simulated from all of them, and its index at skip 7."""
    t_us = FRAME_US * np.arange(len(images), dtype=np.int64)
    gray = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])
    events = simulate(gray, t_us, SimulationOptions(contrast_pos=0.15, contrast_neg=0.15, upsample="none"))
    writer = RecordingWriter(folder / "gopro.zarr", SensorSize(height=images.shape[1], width=images.shape[2]))
    writer.add_events(events)
    writer.add_frames(Frames.without_exposure(images, t_us))
    writer.finish()
    source = RecordingSource(store=folder / "gopro.zarr", name="gopro", split="test")
    options = SamplesOptions(recording_test_skips=(SKIP,))
    write_index(folder / "test.parquet", "test", clip_stores=[], recordings=[source], options=options)
    return events


def plain_figures(images: np.ndarray, events: Events, groups: Iterable[int]) -> dict[tuple[str, str, str, int], float]:
    """Figures by method, metric, group and number of the target; a group is given by its first frame."""
    columns = {"x": events.x, "y": events.y, "t": events.t, "p": events.p}
    found = {}
    for first in groups:
        group = f"{first:05d}-{first + SKIP + 1:05d}"
        frame0, frame1 = images[first], images[first + SKIP + 1]
        gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (frame0, frame1)]
        there, back = (
            cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*pair, None)
            for pair in (gray, gray[::-1])
        )
        for number in range(first + 1, first + SKIP + 1):
            tau, target = (number - first) / (SKIP + 1), images[number]
            times = tuple(FRAME_US * place for place in (first, number, first + SKIP + 1))
            frames = {
                "copy": plain.copy(frame0),
                "blend": plain.blend(frame0, frame1, tau),
                "flow": plain.flow_frame(frame0, frame1, there, back, tau),
                "event_integration": plain.integration(frame0, frame1, columns, times),
            }
            for name, frame in frames.items():
                found[name, "psnr_float", group, number] = plain.psnr(frame, target)
                found[name, "ie", group, number] = plain.mean_absolute(frame, target)
                found[name, "ssim_gauss2d_valid", group, number] = structural_similarity(
                    np.clip(frame, 0, 1), target / 255, channel_axis=2, data_range=1.0, gaussian_weights=True,
                    sigma=1.5, use_sample_covariance=False,
                )  # fmt: skip
    return found


def test_temporal_figures_on_gopro240_are_those_of_a_plain_script(real_data: Path, tmp_path: Path) -> None:
    rows, columns, _ = PARTS["a part of 256x192"]
    paths = sorted((real_data / "gopro240").glob("*.png"))[: SKIP + 2]
    images = np.stack([read_image(path)[rows, columns] for path in paths])
    store(tmp_path, images)
    options = EvaluationOptions(metrics=("tof", "flicker"), baselines=("copy", "blend"), pictures_per_protocol=0)
    evaluate(tmp_path / "test.parquet", tmp_path / "out", options=options)
    table = pd.read_parquet(tmp_path / "out" / "targets.parquet").sort_values("t_us", kind="stable")
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    ends = [images[0], images[-1]]
    for method in ("copy", "blend"):
        made = [
            plain.copy(images[0]) if method == "copy" else plain.blend(*ends, number / (SKIP + 1))
            for number in range(1, SKIP + 1)
        ]
        # the project blends in float32, which decides how half-way levels are rounded
        series = [ends[0], *(np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8) for frame in made), ends[1]]
        shown = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in series]
        steps: dict[str, list[float]] = {"tof": [], "flicker": []}
        for k in range(SKIP + 1):
            flows = [
                cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(own[k], own[k + 1], None)
                for own in (shown, gray)
            ]
            steps["tof"].append(float(np.abs(flows[0] - flows[1]).sum(axis=2).mean()))
            changes = [own[k + 1].astype(float) - own[k] for own in (series, images)]
            steps["flicker"].append(float(np.abs(changes[0] - changes[1]).mean()))
        for metric, tolerance in (("tof", 0.05), ("flicker", 0.02)):
            found = table.loc[(table["method"] == method) & (table["metric"] == metric), "value"].to_numpy()
            expected = [np.mean(steps[metric][k : k + 2]) for k in range(SKIP)]
            np.testing.assert_allclose(found, expected, atol=tolerance if method == "blend" else 1e-5)


@pytest.mark.parametrize(
    "part", [pytest.param(name, marks=pytest.mark.slow if name == "whole frames" else ()) for name in PARTS]
)
def test_the_baselines_on_gopro240_are_those_of_a_plain_script(real_data: Path, tmp_path: Path, part: str) -> None:
    rows, columns, groups = PARTS[part]
    paths = sorted((real_data / "gopro240").glob("*.png"))
    count = 2 * (SKIP + 1) + 1
    images = np.stack([read_image(path)[rows, columns] for path in paths[:count]])
    events = store(tmp_path, images)
    metrics = ("psnr_float", "ie", "ssim_gauss2d_valid")
    evaluate(tmp_path / "test.parquet", tmp_path / "out", options=EvaluationOptions(metrics=metrics))
    table = pd.read_parquet(tmp_path / "out" / "targets.parquet")
    number = (table["t_us"] // FRAME_US).astype(int)
    keys = zip(table["method"], table["metric"], table["group"], number, strict=True)
    ours = dict(zip(keys, table["value"], strict=True))
    expected = plain_figures(images, events, groups)
    assert set(expected) <= set(ours)
    assert len(expected) == 4 * 3 * len(groups) * SKIP
    for (method, metric, group, target), value in expected.items():
        found = ours[method, metric, group, target]
        assert found == pytest.approx(value, abs=TOLERANCE[method == "flow"][metric]), (method, metric, group, target)
    means = {
        name: float(np.mean([value for key, value in expected.items() if key[:2] == (name, "psnr_float")]))
        for name in ("copy", "blend", "flow", "event_integration")
    }
    ours_mean = np.mean([ours[key] for key in expected if key[:2] == ("flow", "psnr_float")])
    assert ours_mean == pytest.approx(means["flow"], abs=0.02)
    print(part, {name: round(mean, 2) for name, mean in means.items()})
    assert means["flow"] > means["blend"] > means["copy"], means

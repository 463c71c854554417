"""TimeLens with a fourth candidate in attention: the frame of the boundary frames' optical flow."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.errors import InputFileError, UserError
from evfi.inference.interpolate import interpolate
from evfi.inference.predictor import load_predictor
from evfi.io.opening import open_path
from evfi.io.video import write_video
from evfi.models.timelens.inputs import prepare
from evfi.models.timelens.manifest import TIMELENS, TimeLensOptions
from evfi.models.timelens.network import TimeLens
from evfi.models.weights import load_weights, model_meta, save_weights
from evfi.samples.flow_frame import FlowFrames
from evfi.samples.needs import Needs
from evfi.samples.reader import SampleReader
from evfi.simulation.options import SimulationOptions
from evfi.simulation.stream import simulate_file
from evfi.training.loop import train_stage
from evfi.training.options import Runtime
from tests.training.conftest import recipe_of, tiny_index

OPTIONS = TimeLensOptions(base_width=4, flow_candidate=True)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Fresh weights whose attention chooses the fourth candidate alone."""
    torch.manual_seed(3)
    model = TimeLens(OPTIONS)
    with torch.no_grad():
        *_, last = (each for each in model.attention.modules() if isinstance(each, torch.nn.Conv2d))
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 90.0]))
    path = tmp_path / "weights.safetensors"
    save_weights(path, model.state_dict(), model_meta(TIMELENS, "attention", OPTIONS))
    return path


def test_the_paper_s_network_and_its_meta_are_what_they_were() -> None:
    assert TIMELENS.options(base_width=4).model_dump() == {"base_width": 4, "variant": "forward"}
    assert TIMELENS.needs_of(TIMELENS.options(base_width=4)) == TIMELENS.needs_of(None) == Needs()
    assert TIMELENS.needs_of(OPTIONS) == Needs(flow_frame=True)


def test_modules_before_attention_start_from_the_same_weights_with_and_without() -> None:
    states = []
    for options in (OPTIONS, OPTIONS.replaced(flow_candidate=False)):
        torch.manual_seed(0)
        states.append(TimeLens(options).state_dict())
    same = [name for name in states[0] if not name.startswith("attention.")]
    assert len(same) > 100
    assert all(torch.equal(states[0][name], states[1][name]) for name in same)


def test_a_prediction_can_be_the_flow_s_own_frame(tmp_path: Path, weights: Path) -> None:
    predictor = load_predictor(weights)
    sample = SampleReader(tiny_index(tmp_path, clips=1), needs=predictor.needs).at(0)
    (prediction,) = predictor.predict([sample])
    np.testing.assert_allclose(prediction.frame, np.clip(sample.flow_frame, 0, 1), atol=1e-5)


def test_interpolation_of_a_recording_brings_it(tmp_path: Path, weights: Path) -> None:
    images = [np.roll(np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8), 2 * k, 1) for k in range(3)]
    write_video(tmp_path / "video.mp4", images, fps=25)
    simulate_file(tmp_path / "video.mp4", tmp_path / "video.zarr", SimulationOptions(preset="esim_py"))
    recording = open_path(tmp_path / "video.zarr")
    (frame,) = interpolate(recording, [10_000], weights)
    expected = FlowFrames()(recording.frames[0], recording.frames[1], 0.25)
    np.testing.assert_allclose(frame / 255, np.clip(expected, 0, 1), atol=0.6 / 255)


def test_samples_without_it_are_refused_in_a_line(tmp_path: Path) -> None:
    sample = SampleReader(tiny_index(tmp_path, clips=1)).at(0)
    inputs = TIMELENS.collate([prepare(sample)])
    with pytest.raises(UserError, match="attention has the frame of optical flow as a candidate"):
        TimeLens(OPTIONS)(inputs)
    with_it = replace(inputs, flow_frame=inputs.frame0)
    weights = TimeLens(OPTIONS)(with_it).attention.weights
    assert weights.shape[1] == 4
    torch.testing.assert_close(weights.sum(dim=1), torch.ones_like(weights[:, 0]))


def test_attention_trains_with_it_and_weights_without_it_are_refused(tmp_path: Path) -> None:
    index = tiny_index(tmp_path)
    starts: dict[str, Path] = {}

    def trained(stage: str, options: TimeLensOptions, **given: Path) -> Path:
        train_stage(
            TIMELENS,
            TIMELENS.stage(stage),
            index=index,
            out=tmp_path / stage,
            state_dir=tmp_path / "state" / stage,
            model_options=options,
            recipe=recipe_of(stage, {}),
            starts=given,
            runtime=Runtime(workers=0),
            fingerprint=stage,
        )
        return tmp_path / stage / "weights.safetensors"

    for stage in ("synthesis", "warp"):
        starts[stage] = trained(stage, OPTIONS)
    refinement = trained("refinement", OPTIONS, **starts)
    attention = trained("attention", OPTIONS, refinement=refinement)
    meta, _ = load_weights(attention)
    assert json.loads(json.dumps(meta["model"]))["flow_candidate"] is True
    with pytest.raises(InputFileError, match="flow_candidate True, this run has flow_candidate off"):
        trained("attention", TimeLensOptions(base_width=4), refinement=refinement)

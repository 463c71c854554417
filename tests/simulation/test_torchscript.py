"""A learned upsampler of the user's own: a TorchScript file."""

import logging

import numpy as np
import pytest
import torch

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.provenance import digest_file
from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import simulate
from evfi.simulation.torchscript import TorchScriptInterpolator, upsampler_digest
from evfi.simulation.upsample import Upsampler, recorded_options

# torch.jit is in maintenance; files made by it are what users have
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


class Blend(torch.nn.Module):
    def forward(self, frame0: torch.Tensor, frame1: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        return (1 - tau) * frame0 + tau * frame1


class Narrow(torch.nn.Module):
    def forward(self, frame0: torch.Tensor, frame1: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        return frame0[..., 1:]


class Nan(torch.nn.Module):
    def forward(self, frame0: torch.Tensor, frame1: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        return frame0 / (tau - tau)


class Pair(torch.nn.Module):
    def forward(self, frame0: torch.Tensor, frame1: torch.Tensor, tau: torch.Tensor):
        return frame0, frame1


class Wide(torch.nn.Module):
    def forward(self, frame0: torch.Tensor, frame1: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        return frame0.reshape(3, 3, 3, 3)


class TwoArguments(torch.nn.Module):
    def forward(self, frame0: torch.Tensor, frame1: torch.Tensor) -> torch.Tensor:
        return frame0


def saved(module, path):
    torch.jit.script(module).save(str(path))
    return path


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (2, 40, 48), dtype=np.uint8)


def test_a_file_that_blends_gives_the_frames_of_linear(tmp_path, frames):
    path = saved(Blend(), tmp_path / "blend.pt")
    learned = Upsampler(str(path), 5).between(*frames, 0, 10_000)
    linear = Upsampler("linear", 5).between(*frames, 0, 10_000)
    assert learned.subframes == linear.subframes == 5
    assert learned.gray.dtype == np.float32
    np.testing.assert_allclose(learned.gray, linear.gray, atol=1e-3)
    np.testing.assert_array_equal(learned.gray[[0, -1]], frames)


def test_simulation_takes_the_file_by_its_path_and_says_that_it_runs_code(tmp_path, frames, caplog):
    options = SimulationOptions(upsample=str(saved(Blend(), tmp_path / "blend.pt")))
    with caplog.at_level(logging.WARNING, "evfi"):
        events = simulate(frames, [0, 10_000], options, seed=1)
        simulate(frames, [0, 10_000], options, seed=1)
    (record,) = caplog.records
    assert "blend.pt is a TorchScript file: upsampling runs code from it" in record.getMessage()
    linear = simulate(frames, [0, 10_000], options.replaced(upsample="linear"), seed=1)
    assert len(events) == pytest.approx(len(linear), rel=0.01)
    assert len(events) > 1_000


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Narrow(), r"must give a frame of shape \(1, 1, 40, 48\).*got \(1, 1, 40, 47\)"),
        (Nan(), "gave NaN or infinite values at tau"),
        (Pair(), r"must give a frame of shape .*got tuple"),
        (Wide(), r"failed on two frames.*invalid for input of size"),
        (TwoArguments(), r"failed on two frames.*it is called as module\(frame0, frame1, tau\)"),
    ],
)
def test_a_module_that_gives_no_such_frame_is_one_clear_line(tmp_path, frames, module, message):
    path = saved(module, tmp_path / "bad.pt")
    with pytest.raises(UserError, match=message) as caught:
        TorchScriptInterpolator(path)(*frames, [0.5])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_absent_or_no_torchscript_are_refused_in_one_line(tmp_path):
    with pytest.raises(MissingInputError, match=r"no TorchScript file .*absent\.pt"):
        Upsampler(str(tmp_path / "absent.pt"), 5)
    (tmp_path / "text.pt").write_text("no zip archive")
    with pytest.raises(InputFileError, match=r"text\.pt cannot be read as TorchScript") as caught:
        Upsampler(str(tmp_path / "text.pt"), 5)
    assert "\n" not in str(caught.value)


def test_a_word_that_is_neither_a_name_nor_a_path_is_refused_by_the_options():
    with pytest.raises(ValueError, match="expected none, linear, dis or the path of a TorchScript file, got 'liner'"):
        SimulationOptions(upsample="liner")


def test_a_receipt_records_what_was_in_the_file(tmp_path):
    path = saved(Blend(), tmp_path / "blend.pt")
    options = SimulationOptions(upsample=str(path))
    assert recorded_options(options) == options.model_dump(mode="json") | {"upsample_sha256": digest_file(path)}
    plain = SimulationOptions()
    assert recorded_options(plain) == plain.model_dump(mode="json")


def test_the_digest_tells_one_file_from_another_under_the_same_name(tmp_path):
    path = tmp_path / "own.pt"
    digests = []
    for content in (b"one", b"other"):
        path.write_bytes(content)
        digests.append(upsampler_digest(SimulationOptions(upsample=str(path))))
    assert digests[0] != digests[1]
    assert upsampler_digest(SimulationOptions(upsample="dis")) is None
    with pytest.raises(MissingInputError, match="no TorchScript file"):
        upsampler_digest(SimulationOptions(upsample=str(tmp_path / "absent.pt")))

"""Other people's methods: a folder of PNGs, a function, a TorchScript file."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.evaluation.baselines import blend
from evfi.evaluation.guests import Guest
from evfi.io.images import write_png
from evfi.representation.voxel import voxel_grid
from evfi.samples.sample import Sample
from evfi.types import Events, SensorSize

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
SIZE = SensorSize(height=20, width=24)


@pytest.fixture
def sample() -> Sample:
    rng = np.random.default_rng(1)
    count = 400
    events = Events(
        rng.integers(0, SIZE.width, count).astype(np.uint16),
        rng.integers(0, SIZE.height, count).astype(np.uint16),
        np.sort(rng.integers(0, 40_000, count)),
        rng.random(count) < 0.5,
        SIZE,
    )
    images = rng.integers(0, 256, (3, SIZE.height, SIZE.width, 3), np.uint8)
    return Sample(
        sample_id="films/a/skip1/00000-00002/00001", sequence="a", frame0=images[0], frame1=images[1],
        target=images[2], events=events, t0_us=0, t1_us=40_000, t_us=10_000,
    )  # fmt: skip


def answer(guest: Guest, sample: Sample):
    ((only,),) = guest.answers([sample])
    return only


def script(path: Path, text: str) -> Path:
    path.write_text("import numpy as np\n" + text)
    return path


def test_pictures_are_found_by_the_sample_s_id(sample: Sample, tmp_path: Path) -> None:
    image = np.random.default_rng(2).integers(0, 256, sample.frame0.shape, np.uint8)
    path = tmp_path / f"{sample.sample_id}.png"
    path.parent.mkdir(parents=True)
    write_png(path, image)
    guest = Guest(f"mine={tmp_path}")
    found = answer(guest, sample)
    assert found.method.name == found.method.family == "mine"
    np.testing.assert_array_equal(np.rint(found.frame * 255), image)
    write_png(path, image[..., 0])
    np.testing.assert_array_equal(np.rint(answer(guest, sample).frame[..., 2] * 255), image[..., 0])


def test_a_target_without_a_picture_is_not_predicted(sample: Sample, tmp_path: Path) -> None:
    found = answer(Guest(f"mine={tmp_path}"), sample)
    assert found.frame is None
    assert found.note == "not predicted: no picture of it"


def test_a_picture_behind_a_link_out_of_the_folder_is_refused(sample: Sample, tmp_path: Path) -> None:
    write_png(tmp_path / "secret.png", sample.frame0)
    folder = tmp_path / "mine"
    link = folder / f"{sample.sample_id}.png"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="lies outside"):
        answer(Guest(f"mine={folder}"), sample)


def test_a_function_sees_frames_events_and_times_and_no_target(sample: Sample, tmp_path: Path, caplog) -> None:
    path = script(
        tmp_path / "method.py",
        "def interpolate(frame0, frame1, events, *, t0_us, t1_us, t_us):\n"
        "    assert len(events) == 400 and events.t.max() < t1_us\n"
        "    tau = np.float32((t_us - t0_us) / (t1_us - t0_us))\n"
        "    return ((1 - tau) * frame0 + tau * frame1) / 255\n",
    )
    with caplog.at_level(logging.WARNING):
        guest = Guest(f"mine={path}:interpolate")
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["the evaluation runs code from it"]
    np.testing.assert_allclose(answer(guest, sample).frame, blend(sample).frame, atol=1e-6)


def test_a_function_may_spoil_what_it_is_given(sample: Sample, tmp_path: Path) -> None:
    path = script(
        tmp_path / "method.py", "def spoil(frame0, frame1, events, **times):\n    frame0[:] = 0\n    return frame0\n"
    )
    before = sample.frame0.copy()
    assert (answer(Guest(f"mine={path}:spoil"), sample).frame == 0).all()
    np.testing.assert_array_equal(sample.frame0, before)


def test_a_torchscript_file_gets_frames_and_two_voxel_grids(sample: Sample, tmp_path: Path, caplog) -> None:
    class Told(torch.nn.Module):
        def forward(
            self,
            frame0: torch.Tensor,
            frame1: torch.Tensor,
            before: torch.Tensor,
            after: torch.Tensor,
            tau: torch.Tensor,
        ) -> torch.Tensor:
            grids = torch.stack([before.sum(1), after.sum(1), tau.view(1, 1, 1).expand(1, 20, 24)], dim=1)
            return grids + 0 * (frame0 + frame1)

    path = tmp_path / "net.pt"
    torch.jit.script(Told()).save(str(path))
    with caplog.at_level(logging.WARNING):
        guest = Guest(f"net={path}")
    assert len(caplog.records) == 1
    frame = answer(guest, sample).frame
    for channel, (start_us, end_us) in enumerate(((0, 10_000), (10_000, 40_000))):
        expected = voxel_grid(sample.events, bins=5, start_us=start_us, end_us=end_us).sum(0)
        np.testing.assert_allclose(frame[..., channel], expected, atol=1e-5)
    assert np.allclose(frame[..., 2], 0.25)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return frame0[:3]", "expected uint8"),
        ("return frame0.astype(int)", "expected uint8"),
        ("return frame0 * np.nan", "NaN or infinite"),
        ("return None", "expected uint8"),
        ("raise KeyError('weights')", "failed on films/a/skip1/00000-00002/00001: KeyError: 'weights'"),
    ],
)
def test_what_is_no_frame_is_refused_by_name(sample: Sample, tmp_path: Path, body: str, words: str) -> None:
    path = script(tmp_path / "method.py", f"def interpolate(frame0, frame1, events, **times):\n    {body}\n")
    with pytest.raises(UserError, match=words) as caught:
        answer(Guest(f"mine={path}:interpolate"), sample)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("mine", UserError, "NAME=PATH"),
        ("=path", UserError, "letters, digits"),
        ("blend=.", UserError, "none of"),
        ("../up=.", UserError, "letters, digits"),
        ("<b>=.", UserError, "letters, digits"),
        ("mine=absent", MissingInputError, "nothing at absent"),
        ("mine=absent.py:run", MissingInputError, "no file absent.py"),
        ("mine=absent.pt", MissingInputError, "no file absent.pt"),
        ("mine={here}/text.txt", UserError, "is no method"),
        ("mine={here}/broken.py:run", InputFileError, "cannot be imported: SyntaxError"),
        ("mine={here}/fine.py:walk", UserError, "has no function 'walk'"),
        ("mine={here}/text.pt", InputFileError, "cannot be read as TorchScript"),
    ],
)
def test_what_is_no_method_is_one_line(tmp_path: Path, text: str, error: type[Exception], words: str) -> None:
    for name, content in (("text.txt", "x"), ("text.pt", "x"), ("broken.py", "def"), ("fine.py", "run = print")):
        (tmp_path / name).write_text(content)
    with pytest.raises(error, match=words) as caught:
        Guest(text.format(here=tmp_path))
    assert "\n" not in str(caught.value)

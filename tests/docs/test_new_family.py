"""The family of docs/new_family.md, made from the page as it stands and run from fresh weights to a PNG."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi import models
from evfi.errors import UserError
from evfi.inference.plan import Asked
from evfi.inference.slow_motion import interpolate_file
from evfi.io.images import read_frame_folder
from evfi.io.recording import RecordingWriter
from evfi.models.family import Family
from evfi.models.registry import FAMILIES, family_named
from evfi.models.weights import load_model, model_meta, save_weights
from evfi.samples.sample import Sample
from evfi.types import Events, Frames, SensorSize
from tests.docs.commands import REPOSITORY

PAGE = REPOSITORY / "docs" / "new_family.md"
SIZE = SensorSize(height=24, width=32)


@pytest.fixture
def tint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Family]:
    """The page's two files as evfi.models.tint, registered."""
    folder = tmp_path / "models" / "tint"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    blocks = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert [name for name, _ in blocks] == ["manifest.py", "implementation.py"]
    for name, code in blocks:
        (folder / name).write_text(code)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(folder.parent)])
    from evfi.models.tint.manifest import TINT  # pyright: ignore[reportMissingImports]

    monkeypatch.setitem(FAMILIES, "tint", TINT)
    yield TINT
    for name in [name for name in sys.modules if name.startswith("evfi.models.tint")]:
        del sys.modules[name]


def sample(seed: int) -> Sample:
    """A gray scene in which every pixel brightens by a tenth with each of its events before the target."""
    rng = np.random.default_rng(seed)
    count = 300
    events = Events(
        rng.integers(0, SIZE.width, count).astype(np.uint16),
        rng.integers(0, SIZE.height, count).astype(np.uint16),
        np.sort(rng.integers(0, 20_000, count)),
        np.ones(count, np.bool_),
        SIZE,
    )
    image = np.full((SIZE.height, SIZE.width, 3), 100, np.uint8)
    target = image.copy()
    np.add.at(target, (events.y, events.x), 25)
    return Sample(
        sample_id=str(seed), sequence="s", frame0=image, frame1=image, target=target, events=events,
        t0_us=0, t1_us=40_000, t_us=20_000,
    )  # fmt: skip


def test_the_family_of_the_page_learns(tint: Family) -> None:
    torch.manual_seed(0)
    model = tint.build()
    objective = tint.objective(tint.last_stage, model, tint.last_stage.recipe)
    optimizer = torch.optim.Adam(model.parameters(), tint.last_stage.recipe.learning_rate)
    batch = tint.collate([tint.prepare(sample(seed)) for seed in range(4)])
    losses = []
    for _ in range(150):
        loss = objective(batch)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        losses.append(float(loss.total.detach()))
    assert losses[-1] < 0.3 * losses[0]
    assert tuple(tint.predict(model, batch).intermediates) == tint.intermediates


def test_its_weights_make_slow_motion(tint: Family, tmp_path: Path) -> None:
    options = tint.options(kernel_size=5)
    path = tmp_path / "weights.safetensors"
    save_weights(path, tint.build(options).state_dict(), model_meta(tint, "all", options))
    assert load_model(path).family is tint
    writer = RecordingWriter(tmp_path / "my.zarr", SIZE)
    writer.add(sample(0).events)
    times = np.array([0, 40_000], np.int64)
    writer.add(Frames.without_exposure(np.full((2, SIZE.height, SIZE.width), 90, np.uint8), times))
    writer.finish()
    summary = interpolate_file(tmp_path / "my.zarr", tmp_path / "slow", weights=path, asked=Asked(factor=4))
    assert (summary.family, summary.frames_inserted) == ("tint", 3)
    assert len(read_frame_folder(tmp_path / "slow", "us")) == 5


def test_afterwards_nobody_knows_it() -> None:
    with pytest.raises(UserError, match="tint"):
        family_named("tint")

"""A made-up run: evaluation, training and benchmark folders with random figures and small pictures."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.evaluation.pictures import file_name, folder_name
from evfi.io.images import write_png
from evfi.provenance import write_json, write_stamp

METRICS = ("psnr_float", "ssim_gauss2d_valid", "ie", "event_consistency")
LABELS = {"copy": "left frame", "blend": "blend", "flow": "flow", "event_integration": "events"}
PARTS = ("timelens", "timelens/synthesis", "timelens/refined0")
MEAN_PSNR = {
    "copy": 18.0,
    "blend": 22.0,
    "flow": 26.0,
    "event_integration": 21.0,
    "timelens": 30.0,
    "timelens/synthesis": 27.0,
    "timelens/refined0": 25.0,
}


@dataclass
class MadeRun:
    """What is made up; tests change the fields before `write`."""

    root: Path
    septuplets: str = "septuplets"
    sequences: int = 5
    recordings: bool = True
    psnr: dict[str, float] = field(default_factory=lambda: dict(MEAN_PSNR))
    size: tuple[int, int] = (36, 48)
    label: str = "TimeLens"
    index_sha256: tuple[str, str] = ("1" * 64, "1" * 64)
    pictures: bool = True

    @property
    def evaluations(self) -> list[Path]:
        return [self.root / "evaluation" / "baselines", self.root / "evaluation" / "timelens"]

    def write(self) -> "MadeRun":
        """Write both evaluation folders."""
        for folder, names, digest in zip(self.evaluations, (tuple(LABELS), PARTS), self.index_sha256, strict=True):
            self._write_evaluation(folder, names, digest)
        return self

    def samples(self) -> Iterator[dict]:
        """The made-up samples, as rows of an index."""
        if self.recordings:
            for start in range(0, 20, 4):
                for rank in (1, 2, 3):
                    yield self._sample("recordings", "truth", 3, "test0", start, start + 1, f"truth+{rank}", rank / 4)
        for number in range(self.sequences):
            name = f"0000{number % 2}/{number:04d}"
            for skip, first in ((1, 2), (5, 0)):
                for rank in range(1, skip + 1):
                    target = f"im{first + rank + 1}"
                    last = first + skip + 1
                    yield self._sample(self.septuplets, "skip", skip, name, first, last, target, rank / (skip + 1))

    def _sample(
        self, dataset: str, protocol: str, skip: int, sequence: str, first: int, last: int, target: str, tau: float
    ) -> dict:
        group = f"{first:05d}-{last:05d}"
        return {
            "sample_id": f"{dataset}/{sequence}/{protocol}{skip}/{group}/{target}",
            "dataset": dataset,
            "protocol": protocol,
            "skip": skip,
            "sequence": sequence,
            "group": group,
            "target": target,
            "t_us": round((first + tau * (last - first)) * 40_000),
            "tau": tau,
        }

    def _write_evaluation(self, folder: Path, names: Sequence[str], digest: str) -> None:
        folder.mkdir(parents=True)
        rng = np.random.default_rng(len(names))
        rows = []
        for sample in self.samples():
            for name in names:
                psnr = self.psnr[name] + rng.normal(0, 0.6)
                values = (psnr, min(0.999, psnr / 40), 60 - psnr, float("nan") if name == "copy" else 0.3)
                for metric, value in zip(METRICS, values, strict=True):
                    rows.append({**sample, "method": name, "metric": metric, "value": value, "note": ""})
        pd.DataFrame(rows).to_parquet(folder / "targets.parquet", index=False)
        shown = [
            sample for sample in self.samples() if sample["group"] in ("00000-00001", "00002-00004", "00000-00006")
        ]
        shown = [sample for sample in shown if sample["sequence"] in ("test0", "00000/0000") and self.pictures]
        for sample in shown:
            self._write_pictures(folder / "pictures" / folder_name(sample["sample_id"]), sample, names)
        pictures = [{**sample, "folder": folder_name(sample["sample_id"])} for sample in shown]
        methods = [
            {
                "name": name,
                "label": LABELS.get(name, name.replace("timelens", self.label).replace("/", ": ")),
                "family": None if name in LABELS else "timelens",
                "is_intermediate": "/" in name,
                "of": "timelens" if "/" in name else None,
            }
            for name in names
        ]
        document = {
            "algo_version": 1,
            "name": folder.name,
            "methods": methods,
            "pictures": pictures,
            "options": {"bootstrap": {"samples": 200}},
            "index_sha256": digest,
            "weights_sha256": None,
        }
        write_json(folder / "evaluation.json", document)
        write_stamp(folder)

    def _write_pictures(self, folder: Path, sample: dict, names: Sequence[str]) -> None:
        folder.mkdir(parents=True)
        target = self._scene(sample["tau"])
        rng = np.random.default_rng(0)
        for name in names:
            noise = rng.normal(0, 255 * 10 ** (-self.psnr[name] / 20), target.shape)
            write_png(folder / file_name(name), np.clip(target + noise, 0, 255).astype(np.uint8))
        if "copy" in names:
            write_png(folder / "target.png", target)
            write_png(folder / "frame0.png", self._scene(0.0))
            write_png(folder / "frame1.png", self._scene(1.0))
            events = target // 2
            events[round(7 * sample["tau"]) :: 7, ::5] = (220, 30, 30)
            write_png(folder / "events.png", events)

    def _scene(self, tau: float) -> np.ndarray:
        height, width = self.size
        y, x = np.mgrid[:height, :width]
        shifted = x - 12 * tau
        waves = [0.5 + 0.3 * np.sin(shifted / 5 + k) * np.cos(y / 7 - k) for k in range(3)]
        disc = (x - width * (0.3 + 0.4 * tau)) ** 2 + (y - height / 2) ** 2 < (height / 5) ** 2
        image = np.stack(waves, axis=-1)
        image[disc] = (0.9, 0.5, 0.2)
        return (255 * image).astype(np.uint8)


def write_training(folder: Path, *, steps: int = 300) -> Path:
    """A training folder with a falling loss, three validations and pictures."""
    (folder / "validation").mkdir(parents=True)
    rng = np.random.default_rng(steps)
    lines = []
    for step in range(10, steps + 1, 10):
        loss = 0.08 * float(np.exp(-step / 120)) + 0.02 + 0.004 * float(rng.random())
        lines.append(
            {"kind": "train", "step": step, "loss": loss, "parts": {}, "lr": 1e-3, "data_s": 0.1, "step_s": 0.2}
        )
        if step % 100 == 0:
            metrics = {"loss": loss * 1.1, "psnr": 22 + step / 60}
            lines.append({"kind": "validation", "step": step, "metrics": metrics})
            write_png(folder / "validation" / f"step-{step:06d}.png", np.full((40, 120, 3), step % 255, np.uint8))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(
        folder / "run.json",
        {
            "schema": "evfi.run",
            "family": folder.parent.name,
            "stage": folder.name,
            "steps": steps,
            "recipe": {"batch_size": 8, "learning_rate": 0.001, "precision": "bf16"},
            "note": "bf16 is emulated on this CPU",
        },
    )
    return folder


def write_benchmarks(folder: Path) -> Path:
    """Benchmark files as Snakemake leaves them, with one for each wildcard of train_stage."""
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    files = {
        "ingest/test0.tsv": "12.5\t0:00:12\t310.2\t1\t1\t1\t0\t0\t90\t11.0\n",
        "train_stage/timelens/synthesis.tsv": "61.0\t0:01:01\t1450.0\t1\t1\t1\t0\t0\t180\t110.0\n",
        "train_stage/timelens/warp.tsv": "58.0\t0:00:58\t1390.0\t1\t1\t1\t0\t0\t180\t104.0\n",
        "index.tsv": "0.4\t0:00:00\t-\t-\t-\t-\t-\t-\t-\tNA\n",
    }
    for name, line in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(head + line)
    return folder


@pytest.fixture(scope="session")
def make_run() -> type[MadeRun]:
    """Makes up a run under a folder; `write` writes it."""
    return MadeRun


@pytest.fixture
def made_run(tmp_path: Path) -> MadeRun:
    """A made-up run under tmp_path, not written yet."""
    return MadeRun(tmp_path)


@pytest.fixture(scope="session")
def make_training() -> Callable[..., Path]:
    """Writes a training folder."""
    return write_training


@pytest.fixture(scope="session")
def make_benchmarks() -> Callable[[Path], Path]:
    """Writes a folder of benchmark files."""
    return write_benchmarks

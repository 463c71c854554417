"""Data that the demo does not have, through the verbs that the rules call: Vimeo90k triplets and HS-ERGB folders."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from evfi.cli.app import exit_code
from evfi.config import validated
from evfi.io.images import write_png
from evfi.io.septuplets import read_list, septuplet_paths, septuplet_times_us
from evfi.provenance import canonical_json
from tests.untrained import untrained
from tests.workflow.conftest import REPOSITORY, planned

HEIGHT, WIDTH = 32, 40
IDS = ["00001/0389", "00078/0651"]


def moving(count: int, seed: int) -> np.ndarray:
    """A coarse texture that moves to the right by two pixels a frame, uint8 (count, H, W, 3)."""
    rng = np.random.default_rng(seed)
    wide = np.kron(rng.integers(30, 220, (8, 25, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
    return np.stack([wide[:, 2 * number : 2 * number + WIDTH] for number in range(count)])


def run(*arguments: object) -> None:
    assert exit_code([str(argument) for argument in arguments]) == 0


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return untrained(tmp_path / "weights.safetensors")


@pytest.fixture
def triplets(tmp_path: Path) -> Path:
    """A tree of two triplets and its list, with the empty line that the official list ends with."""
    root = tmp_path / "vimeo_triplet"
    for seed, clip_id in enumerate(IDS):
        for path, image in zip(septuplet_paths(root, clip_id, 3), moving(3, seed), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, image)
    (root / "tri_testlist.txt").write_text("".join(f"{clip_id}\n" for clip_id in IDS) + "\n")
    return root


@pytest.fixture
def hs_ergb(tmp_path: Path) -> Path:
    """13 images, 10 ms apart; file n holds sub-pixel events of (image n - 1, image n]."""
    root = tmp_path / "water_bomb"
    (root / "images_corrected").mkdir(parents=True)
    (root / "events_aligned").mkdir()
    rng = np.random.default_rng(0)
    for number, image in enumerate(moving(13, 5)):
        write_png(root / "images_corrected" / f"{number:06d}.png", image)
        if number:
            np.savez(
                root / "events_aligned" / f"{number:06d}.npz",
                x=rng.uniform(0, WIDTH - 1, 300).astype(np.float32),
                y=rng.uniform(0, HEIGHT - 1, 300).astype(np.float32),
                t=np.sort(rng.integers((number - 1) * 10_000 + 1, number * 10_000 + 1, 300)),
                p=rng.integers(0, 2, 300).astype(np.uint8),
            )
    (root / "images_corrected" / "timestamp.txt").write_text("".join(f"{10_000 * n}\n" for n in range(13)))
    return root


def settings_of(targets: Path) -> dict[tuple[str, str, int], int]:
    """Frames by (dataset, protocol, skip)."""
    table = pd.read_parquet(targets).drop_duplicates("sample_id")
    return {tuple(key): len(rows) for key, rows in table.groupby(["dataset", "protocol", "skip"])}  # pyright: ignore


def test_triplets_are_simulated_indexed_and_measured_as_vimeo_triplet_skip1(
    triplets: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    run("blocks", triplets / "tri_testlist.txt", out / "lists", "--part", "triplets", "--clips", 2, "--size", 256)
    block, store = out / "lists" / "triplets-00000.txt", out / "triplets-00000.zarr"
    run("simulate", block, store, "--root", triplets, "--preset", "esim_py", "--seed", 3)
    run("index", out / "test.parquet", "--clips", store)
    rows = pd.read_parquet(out / "test.parquet")
    assert rows["sample_id"].tolist() == [f"vimeo_triplet/{clip_id}/skip1/00000-00002/00001" for clip_id in IDS]
    times = septuplet_times_us(3)
    assert rows[["t0_us", "t_us", "t1_us"]].to_numpy().tolist() == [times.tolist()] * 2
    for name, arguments in (("baselines", []), ("timelens", ["--weights", weights])):
        run("evaluate", out / "test.parquet", out / "evaluation" / name, *arguments)
        assert settings_of(out / "evaluation" / name / "targets.parquet") == {("vimeo_triplet", "skip", 1): 2}
    run("report", out, "--evaluations", " ".join(str(out / "evaluation" / name) for name in ("baselines", "timelens")))
    assert "(vimeo_triplet_skip1)" in (out / "report.html").read_text()


def test_a_list_in_place_of_a_store_is_told_to_be_simulated_first(
    triplets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = exit_code(["index", str(tmp_path / "x.parquet"), "--clips", str(triplets / "tri_testlist.txt")])
    assert code == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert "tri_testlist.txt is a list of clips, which have no events yet: `evfi simulate" in line


def test_the_triplet_run_is_planned_in_shards(triplets: Path, weights: Path, tmp_path: Path) -> None:
    own = {"test_clips": 2, "shard_size": 1, "root": "{data}", "test_list": "{data}/tri_testlist.txt"}
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(canonical_json({"triplets": own, "pretrained": {"timelens": str(weights)}}))
    files = ("--configfile", str(REPOSITORY / "config" / "vimeo_triplet.yaml"), str(overlay))
    assert planned(tmp_path, *files, "--config", f"data={triplets}") == {
        "blocks_triplets": 1,
        "simulate": 2,
        "index": 1,
        "evaluate": 2,
        "sweep_thresholds": 1,
        "report": 1,
    }


def test_the_triplet_overlay_names_the_length_of_the_official_list(real_data: Path) -> None:
    config = validated(yaml.safe_load((REPOSITORY / "config" / "vimeo_triplet.yaml").read_text()), "test")
    assert config.triplets is not None
    assert config.triplets.test_clips == len(read_list(real_data / "vimeo90k" / "lists" / "tri_testlist.txt"))


def test_an_hs_ergb_folder_is_ingested_and_measured_with_skips_5_and_7(
    hs_ergb: Path, weights: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "results", tmp_path / "results" / "water_bomb.zarr"
    run("ingest", hs_ergb, store)
    samples = yaml.safe_load((REPOSITORY / "config" / "hs_ergb.yaml").read_text())["samples"]
    options = canonical_json({"samples": samples})
    run("index", out / "test.parquet", "--recordings", f"water_bomb=test={store}", "--options", options)
    for name, arguments in (("baselines", []), ("timelens", ["--weights", weights])):
        run("evaluate", out / "test.parquet", out / "evaluation" / name, *arguments)
        # groups of 6 and 8 intervals side by side: two with 5 targets, one with 7
        assert settings_of(out / "evaluation" / name / "targets.parquet") == {
            ("recordings", "skip", 5): 10,
            ("recordings", "skip", 7): 7,
        }
    figures = pd.read_parquet(out / "evaluation" / "timelens" / "targets.parquet")
    own = figures[(figures["method"] == "timelens") & (figures["metric"] == "psnr_float")]
    assert np.isfinite(own["value"]).all()
    run("report", out, "--evaluations", " ".join(str(out / "evaluation" / name) for name in ("baselines", "timelens")))
    page = (out / "report.html").read_text()
    assert "(recordings_skip5)" in page
    assert "(recordings_skip7)" in page


def test_the_hs_ergb_overlay_plans_nothing_but_ingest_and_measuring(hs_ergb: Path, tmp_path: Path) -> None:
    file = str(REPOSITORY / "config" / "hs_ergb.yaml")
    plan = planned(tmp_path, "--configfile", file, "--config", f"recordings={hs_ergb}")
    assert plan == {"ingest": 1, "index": 1, "evaluate": 2, "report": 1}

"""Peak memory of index, train, evaluate and report by the number of shards: figures of docs/scaling.md.

One shard of rendered septuplets is simulated, and named again and again (links) in an index of as many shards as are
asked for. Nothing is kept.

Example: python scripts/bench_memory.py --shards 1,16,284
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from bench_scaling import copied_clips, evfi
from timing import print_machine

from evfi.io.table_pieces import write_pieces

CLIPS = 256
# Of each evaluated shard; a test shard of Vimeo90k has 256 clips of 14 rows.
MEASURED_CLIPS = 32
PARTS = ("index", "train", "evaluate", "report")
TRAINING = {
    "model": {"base_width": 4},
    "recipe": {"batch_size": 8, "augment": {"crop": 32}, "steps": 60, "validation_every": 1000, "threads": 1},
}
MEASUREMENT = {"evaluation": {"metrics": ["psnr_float", "psnr_u8"], "baselines": ["copy", "blend"]}}
_INDEX = """
import json, resource, sys
from pathlib import Path
import numpy as np
from evfi.samples.rows import Place
from evfi.samples.table import write_rows
from evfi.samples.windows import groups_of_skip
path, shards, clips, split = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
times = np.arange(7, dtype=np.int64) * 33_333
def rows():
    for number in range(shards * clips):
        shard, clip = divmod(number, clips)
        place = Place(dataset="septuplets", kind="clip", store=f"clips/train-{shard:05d}.zarr", clip=clip,
                      sequence=f"{number // 1000:05d}/{number % 1000:04d}", split=split)
        for skip in (1, 3):
            for group in groups_of_skip(7, skip, slide=True):
                yield from place.rows(group, skip, times)
write_rows(path, rows())
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss * 1024 / 1e6)
"""


def main() -> None:
    """Print a line for each rule and number of shards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", default="1,16,284", help="for index and train, separated by commas")
    parser.add_argument("--measured-shards", default="1,4,16,31", help="for evaluate")
    parser.add_argument("--reported-shards", default="1,16,31", help="for report")
    parser.add_argument("--parts", default=",".join(PARTS), help="which rules, separated by commas")
    chosen = parser.parse_args()
    print_machine()
    numbers = {
        "index": chosen.shards,
        "train": chosen.shards,
        "evaluate": chosen.measured_shards,
        "report": chosen.reported_shards,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_shard(folder)
        for part in PARTS:
            for shards in (int(text) for text in numbers[part].split(",") if part in chosen.parts):
                rows, memory = MEASURES[part](folder, shards)
                print(f"{part:8} {shards:5} shards, {rows:9,} rows: peak {memory:.0f} MB", flush=True)


def make_shard(folder: Path) -> None:
    """A shard of 256 septuplets, four of them rendered and the others their copies."""
    demo = {"train_clips": 4, "test_clips": 1, "clip_width": 448, "clip_height": 256}
    none = {"train_recordings": 0, "test_recordings": 0}
    evfi("demo-data", folder / "raw", "--options", json.dumps({"demo": {**demo, **none}}))
    clips = copied_clips(folder / "raw/vimeo90k", CLIPS // 4)
    (folder / "block.txt").write_text("".join(f"{clip}\n" for clip in clips))
    (folder / "clips").mkdir()
    evfi("simulate", folder / "block.txt", folder / "clips/train-00000.zarr", "--root", folder / "raw/vimeo90k")


def make_index(folder: Path, shards: int, clips: int = CLIPS, split: str = "train") -> float:
    """An index of so many shards, all of which are links to one; peak memory in MB."""
    for number in range(1, shards):
        link = folder / f"clips/train-{number:05d}.zarr"
        if not link.is_symlink():
            link.symlink_to("train-00000.zarr")
    command = [sys.executable, "-c", _INDEX, str(folder / "index.parquet"), str(shards), str(clips), split]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def index_memory(folder: Path, shards: int) -> tuple[int, float]:
    """Rows, and MB at most, of writing an index."""
    return shards * CLIPS * 14, make_index(folder, shards)


def train_memory(folder: Path, shards: int) -> tuple[int, float]:
    """Rows, and MB at most, of 60 steps of TimeLens' first stage, samples read in the same process."""
    make_index(folder, shards)
    out = folder / f"train-{shards}"
    places = ["--index", folder / "index.parquet", "--out", out, "--state", folder / "state"]
    evfi("train", "timelens", "synthesis", *places, "--options", json.dumps(TRAINING), "--workers", 0)
    return shards * CLIPS * 14, peak(out)


def evaluate_memory(folder: Path, shards: int) -> tuple[int, float]:
    """Rows, and MB at most, of measuring two baselines by two metrics."""
    make_index(folder, shards, MEASURED_CLIPS, "test")
    evfi("evaluate", folder / "index.parquet", folder / "evaluation", "--options", json.dumps(MEASUREMENT))
    return shards * MEASURED_CLIPS * 14, peak(folder / "evaluation")


def report_memory(folder: Path, shards: int) -> tuple[int, float]:
    """Rows, and MB at most, of reporting so many shards' figures: those of 64 clips, each as often as it takes."""
    one = folder / "evaluation-of-one"
    if not one.exists():
        make_index(folder, 1, MEASURED_CLIPS, "test")
        evfi("evaluate", folder / "index.parquet", one)
    table = pd.read_parquet(one / "targets.parquet")
    numbers = range(shards * CLIPS // MEASURED_CLIPS)
    copies = (
        table.assign(**{name: f"{number:04d}/" + table[name] for name in ("sample_id", "sequence")})
        for number in numbers
    )
    several = folder / f"evaluation-{shards}"
    several.mkdir()
    (several / "evaluation.json").write_bytes((one / "evaluation.json").read_bytes())
    (several / "pictures").symlink_to(one / "pictures")
    write_pieces(several / "targets.parquet", copies)
    evfi("report", folder / "report", "--evaluations", several)
    return len(table) * len(numbers), peak(folder / "report/report.html")


def peak(output: Path) -> float:
    """What the stamp of an output says, MB."""
    return json.loads(output.with_name(f"{output.stem}.provenance.json").read_text())["use"]["peak_memory_mb"]


MEASURES = {"index": index_memory, "train": train_memory, "evaluate": evaluate_memory, "report": report_memory}


if __name__ == "__main__":
    main()

"""What grows with the number of clips and shards, and what does not: the figures of docs/scaling.md.

Renders a shard of septuplets, simulates it and its copies as 1, 4 and 16 shards (median of three runs each), plans runs
of 284 and 1,000 shards dry, writes an index of as many rows, and compares `evfi plan` with what was planned for.
Nothing is kept.

Example: python scripts/bench_scaling.py --clips-per-shard 4 --size 448x256
"""

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from evfi.config import read_run_config
from evfi.planning.estimate import plan_of
from evfi.planning.measured import bytes_of

REPOSITORY = Path(__file__).resolve().parent.parent
SHARDS = (1, 4, 16)
REPEATS = 3
# The same for all clips: a threshold of its own would give each copy another number of events.
THRESHOLDS = ("--contrast-pos", "0.2", "--contrast-neg", "0.2")
_VERB = [sys.executable, "-c", "from evfi.cli.app import main; main()"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-per-shard", type=int, default=4)
    parser.add_argument("--size", default="448x256", help="of the rendered clips, WIDTHxHEIGHT")
    parser.add_argument("--parts", default="shards,plans,index", help="which tables, separated by commas")
    chosen = parser.parse_args()
    width, height = (int(part) for part in chosen.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "plans" in chosen.parts:
            for shards in (284, 1000):
                wall, cpu = planning_seconds(folder, shards)
                print(f"dry run, {shards} shards: {wall:.1f} s, {cpu:.1f} CPU s", flush=True)
        if "index" in chosen.parts:
            for shards in (1, 16, 284, 1000):
                seconds, memory = index_cost(folder, shards)
                print(f"index of {shards} shards of 256 clips, 14 rows each: {seconds:.1f} CPU s, peak {memory:.0f} MB")
        if "shards" in chosen.parts:
            shard_tables(folder, chosen.clips_per_shard, width, height)


def evfi(*arguments: object) -> None:
    """Run a verb in a process of its own."""
    subprocess.run([*_VERB, *map(str, arguments)], check=True, stderr=subprocess.DEVNULL)


def planning_seconds(folder: Path, shards: int) -> tuple[float, float]:
    """Wall and CPU time of a dry run of config/vimeo90k.yaml with so many shards, and no frame there."""
    test = shards * 31 // 284
    lists = {"train_list": str(folder / "a.txt"), "test_list": str(folder / "b.txt")}
    for path in lists.values():
        Path(path).write_text("00001/0001\n")
    counts = {"train_clips": 256 * (shards - test), "test_clips": 256 * test}
    overlay = folder / f"plan-{shards}.yaml"
    overlay.write_text(yaml.safe_dump({"septuplets": {**lists, **counts}}))
    files = [str(REPOSITORY / "config/vimeo90k.yaml"), str(overlay)]
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "-n", "--quiet", "rules",
         "--configfile", *files],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if not re.search(rf"^simulate +{shards}$", done.stdout, flags=re.MULTILINE):
        sys.exit(f"the dry run did not plan {shards} shards:\n{done.stdout[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


_INDEX = """
import json, resource, sys
from pathlib import Path
import numpy as np
from evfi.samples.rows import Place
from evfi.samples.table import write_rows
from evfi.samples.windows import groups_of_skip
times = np.arange(7, dtype=np.int64) * 33_333
def rows(clips):
    for number in range(clips):
        place = Place(dataset="septuplets", kind="clip", store=f"../stores/clips/train-{number // 256:05d}.zarr",
                      clip=number % 256, sequence=f"{number // 1000:05d}/{number % 1000:04d}", split="train")
        for skip in (1, 3):
            for group in groups_of_skip(7, skip, slide=True):
                yield from place.rows(group, skip, times)
write_rows(Path(sys.argv[1]), rows(int(sys.argv[2]) * 256))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6]))
"""


def index_cost(folder: Path, shards: int) -> tuple[float, float]:
    """CPU-seconds and peak memory (MB) of writing the rows of so many shards, the process's start among them."""
    command = [sys.executable, "-c", _INDEX, str(folder / "index.parquet"), str(shards)]
    seconds, memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return seconds, memory


def shard_tables(folder: Path, clips_per_shard: int, width: int, height: int) -> None:
    """CPU and bytes a septuplet by the number of shards, and the plan from one shard against sixteen."""
    most = max(SHARDS)
    demo = {
        "train_clips": clips_per_shard,
        "test_clips": 1,
        "clip_width": width,
        "clip_height": height,
        "train_recordings": 0,
        "test_recordings": 0,
    }
    evfi("demo-data", folder / "raw", "--options", json.dumps({"demo": demo}))
    clips = copied_clips(folder / "raw/vimeo90k", most)
    results = folder / "results"
    print("shards: CPU-s a septuplet (start-up subtracted), bytes a septuplet, peak MB; median of three, spread")
    for shards in SHARDS:
        runs = [run_shards(folder, results, clips[: shards * clips_per_shard], clips_per_shard) for _ in range(REPEATS)]
        columns = [[run[place] for run in runs] for place in range(3)]
        told = [f"{statistics.median(column):.4g} ({min(column):.4g} to {max(column):.4g})" for column in columns]
        print(f"{shards:3}: " + ", ".join(told), flush=True)
    compare_plan(folder, results, most, clips_per_shard)


def copied_clips(tree: Path, times: int) -> list[str]:
    """Ids of the tree's training clips and of their copies (links): all shards hold the same pictures."""
    clips = (tree / "sep_trainlist.txt").read_text().split()
    ids = []
    for copy in range(times):
        for number, clip in enumerate(clips):
            ids.append(f"{90_000 + copy:05d}/{number + 1:04d}")
            place = tree / "sequences" / ids[-1]
            place.parent.mkdir(exist_ok=True)
            place.symlink_to((tree / "sequences" / clip).resolve())
    return ids


def run_shards(folder: Path, results: Path, clips: list[str], each: int) -> tuple[float, float, float]:
    """Simulate clips in shards: CPU-seconds and bytes a clip, and the highest memory of a shard (MB)."""
    stores = results / "stores/clips"
    stamps = []
    for number in range(len(clips) // each):
        block = folder / "block.txt"
        block.write_text("".join(f"{clip}\n" for clip in clips[number * each : (number + 1) * each]))
        store = stores / f"train-{number:05d}.zarr"
        stores.mkdir(parents=True, exist_ok=True)
        evfi("simulate", block, store, "--root", folder / "raw/vimeo90k", *THRESHOLDS)
        stamps.append(json.loads(store.with_name(f"{store.stem}.provenance.json").read_text()))
    work = [(stamp["use"]["cpu_seconds"] - stamp["first_clip_cpu_seconds"]) / (each - 1) for stamp in stamps]
    used = sum(bytes_of(path) for number in range(len(stamps)) for path in stores.glob(f"train-{number:05d}*"))
    return statistics.mean(work), used / len(clips), max(stamp["use"]["peak_memory_mb"] for stamp in stamps)


def compare_plan(folder: Path, results: Path, shards: int, each: int) -> None:
    """What one shard tells of all of them, and what they took."""
    stores = results / "stores/clips"
    one = folder / "one/stores/clips"
    one.mkdir(parents=True)
    for path in stores.glob("train-00000*"):
        (one / path.name).symlink_to(path)
    tree = {"root": "v", "train_list": "a", "test_list": "b", "receipt": None}
    counts = {"train_clips": shards * each, "test_clips": 0, "shard_size": each}
    changes = {"demo": None, "recordings": None, "septuplets": {**tree, **counts}}
    config = read_run_config([], changes, REPOSITORY / "config/config.yaml")
    told = plan_of(config, folder / "one", jobs=1)["rules"][0]
    stamps = [json.loads(path.read_text())["use"] for path in stores.glob("*.provenance.json")]
    real = {
        "bytes": bytes_of(stores),
        "seconds": sum(use["cpu_seconds"] for use in stamps),
        "memory_mb": max(use["peak_memory_mb"] for use in stamps),
    }
    for key, value in real.items():
        print(f"evfi plan from one shard, {key}: {told[key]:.4g} told, {value:.4g} taken, {told[key] / value:.2f}")


if __name__ == "__main__":
    main()

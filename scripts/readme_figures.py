"""Put the figures and the picture of a finished `make demo` into README.md and docs/images (none is written by hand).

Example: python scripts/readme_figures.py results
"""

import json
import sys
from datetime import date
from pathlib import Path

from PIL import Image, ImageDraw

from evfi.io.images import read_image
from evfi.samples.sample import as_rgb

REPOSITORY = Path(__file__).resolve().parent.parent
START, END = "<!-- demo-figures -->", "<!-- /demo-figures -->"
METHODS = ("copy", "blend", "flow", "event_integration", "timelens", "convlstm", "wevi")
# Data set, protocol, skip, target, part of the targets ("": all, "common": those that every method can predict).
SETTINGS = (
    ("recordings", "truth", 3, "all", "", "recording, held-out true frames"),
    ("recordings", "truth", 3, "all", "common", "the same, in the middle of four frames"),
    ("septuplets", "skip", 1, "im4", "", "septuplets, skip 1, im4"),
    ("septuplets", "skip", 5, "im4", "", "septuplets, skip 5, im4"),
)
KEYS = ("dataset", "protocol", "skip", "target", "method", "metric", "averaging")
NO_FIGURE = "n/a"
PANELS = ("frame0", "events", "frame1", "blend", "flow", "timelens", "target")
LABELS = {"frame0": "frame 0", "events": "events", "frame1": "frame 1", "target": "truth", "timelens": "TimeLens"}


def main(results: Path) -> int:
    """Exit code 0, or 2 where there is no finished run."""
    if not (results / "metrics.json").is_file():
        print(f"no {results}/metrics.json: run `make demo` first", file=sys.stderr)
        return 2
    readme = REPOSITORY / "README.md"
    text = readme.read_text()
    head, rest = text.split(START, 1)
    tail = rest.split(END, 1)[1]
    readme.write_text(f"{head}{START}\n{figures(results)}\n{END}{tail}")
    picture(results).save(REPOSITORY / "docs/images/comparison.webp", quality=88, method=6)
    return 0


def figures(results: Path) -> str:
    """The tables as Markdown."""
    metrics = json.loads((results / "metrics.json").read_text())
    lines = [f"PSNR in dB (95 % interval) of one `make demo`, {date.today():%Y-%m-%d}, on 2 cores:", ""]
    lines += [f"| | {' | '.join(METHODS)} |", "|---|" + "---|" * len(METHODS)]
    for *setting, part, label in SETTINGS:
        rows = [row for row in metrics.get("part_rows", ()) if row["part"] == part] if part else metrics["rows"]
        figures = {tuple(row[key] for key in KEYS): row for row in rows}
        cells = [cell(figures.get((*setting, method, "psnr_float", "sequence"))) for method in METHODS]
        if set(cells) != {NO_FIGURE}:
            lines.append(f"| {label} | {' | '.join(cells)} |")
    lines.append("")
    for goal in metrics["goals"]:
        found = "" if goal["value"] is None else f" = **{goal['value']:+.2f} dB**"
        lines.append(
            f"- {goal['status']}: {goal['dataset']}, {goal['protocol']} {goal['skip']}, {goal['target']}: "
            f"{goal['method']} - {goal['versus']}{found} (wanted {goal['minimum']:+g})"
        )
    return "\n".join(lines)


def cell(row: dict | None) -> str:
    """A figure with its interval; none where a method could not predict every target that others are measured on."""
    if row is None or row["missing"]:
        return NO_FIGURE
    return f"{row['value']:.2f} ({row['low']:.1f} to {row['high']:.1f})"


def picture(results: Path) -> Image.Image:
    """Two gaps side by side: what was given, what each method put in, and the truth."""
    document = json.loads((results / "evaluation/baselines/evaluation.json").read_text())
    chosen = []
    for dataset, skip in (("septuplets", 5), ("recordings", 3)):
        samples = [sample for sample in document["pictures"] if (sample["dataset"], sample["skip"]) == (dataset, skip)]
        chosen.append(samples[len(samples) // 2])
    rows = [_row(results, sample["folder"]) for sample in chosen]
    width = max(row.width for row in rows)
    sheet = Image.new("RGB", (width, sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def _row(results: Path, folder: str) -> Image.Image:
    tiles = []
    for name in PANELS:
        method = "timelens" if name == "timelens" else "baselines"
        path = results / "evaluation" / method / "pictures" / folder / f"{name}.png"
        pixels = as_rgb(read_image(path))
        height = 135
        size = (round(pixels.shape[1] * height / pixels.shape[0]), height)
        tile = Image.new("RGB", (size[0] + 4, height + 20), "white")
        tile.paste(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), (2, 18))
        ImageDraw.Draw(tile).text((4, 4), LABELS.get(name, name), fill="black")
        tiles.append(tile)
    row = Image.new("RGB", (sum(tile.width for tile in tiles), tiles[0].height), "white")
    left = 0
    for tile in tiles:
        row.paste(tile, (left, 0))
        left += tile.width
    return row


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results")))

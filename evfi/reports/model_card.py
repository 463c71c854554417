"""The model card of the open weights, written from receipts: where they come from, what they reach and what not."""

from collections.abc import Mapping, Sequence
from typing import Any

_TITLE = "# Open weights"
_LIMITS = (
    "Trained on rendered scenes alone: flat layers with photographs and patterns, simulated events. No real recording "
    "took part.",
    "Where the frames alone say enough (a large picture, a moving camera: gopro240), plain optical flow is better.",
    "Motion beyond some 80 pixels between the boundary frames was not seen in training.",
    "Thresholds from 0.05 to 0.5 and v2e's noise of a dim scene were trained; hot pixels are left to "
    "`evfi interpolate`, which leaves their events out.",
    "What both boundary frames and the events do not tell (a colour that appears between them, say) is guessed.",
)


def model_card(receipts: Sequence[Mapping[str, Any]]) -> str:
    """Markdown for the receipts of all shipped files (evfi.models.shipped)."""
    lines = [
        _TITLE,
        "",
        "Weights that come with evfi under its own licence, Apache-2.0: use, change and pass on, commercially too. "
        "This page is written by scripts/ship_weights.py from the receipts beside it.",
    ]
    for receipt in receipts:
        lines += ["", *_of_file(receipt)]
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in _LIMITS)]
    return "\n".join(lines) + "\n"


def _of_file(receipt: Mapping[str, Any]) -> list[str]:
    half = receipt["half_precision"]
    lines = [
        f"## {receipt['family']}",
        "",
        f"- file: `{receipt['family']}.safetensors`, {receipt['bytes']:,} bytes, SHA-256 `{receipt['sha256']}`",
        f"- model: {_words(receipt['model'])}, {receipt['parameters']:,} parameters in all",
        f"- half precision costs {half['cost_db']:.4f} dB on {half['samples']} samples "
        f"({half['psnr_float32']:.3f} dB in single, {half['psnr_float16']:.3f} dB in half precision)",
        f"- data: {receipt['data']['scenes']:,} rendered scenes, {receipt['data']['samples']:,} samples with sensors "
        f"drawn anew each time; photographs: {', '.join(receipt['data']['photographs'])}",
        f"- made again by: `{receipt['command']}`",
        "",
        "| stage | steps | batch | crop | learning rate | validation PSNR, first to last | hours | cores |",
        "|---|---|---|---|---|---|---|---|",
        *(_stage_row(stage) for stage in receipt["stages"]),
        "",
        f"In all {sum(stage['hours'] for stage in receipt['stages']):.1f} hours of stages on {receipt['hardware']}; "
        "two stages ran side by side.",
    ]
    if receipt["figures"]:
        lines += ["", *_figures(receipt["figures"])]
    return lines


def _stage_row(stage: Mapping[str, Any]) -> str:
    recipe, validation = stage["recipe"], stage["validation"]
    ends = (
        f"{validation['first']['psnr']:.2f} to {validation['last']['psnr']:.2f} dB" if validation else "not validated"
    )
    crop = recipe["augment"]["crop"]
    sides = ", ".join(map(str, crop)) if isinstance(crop, list | tuple) else str(crop)
    return (
        f"| {stage['stage']} | {stage['steps']:,} | {recipe['batch_size']} | {sides} | {recipe['learning_rate']:g} "
        f"| {ends} | {stage['hours']:.2f} | {recipe['threads']} |"
    )


def _figures(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """PSNR of every method by what was measured."""
    methods = list(dict.fromkeys(figure["method"] for figure in figures))
    settings = list(dict.fromkeys((figure["dataset"], figure["skip"]) for figure in figures))
    by_place = {(figure["dataset"], figure["skip"], figure["method"]): figure for figure in figures}
    lines = [
        "PSNR in dB (95 % interval). scenes_clean and scenes_noisy are rendered scenes with held-out photographs; all "
        "others have real frames, and simulated events but for recordings of a camera.",
        "",
    ]
    lines += [f"| | {' | '.join(methods)} |", f"|{'---|' * (len(methods) + 1)}"]
    for dataset, skip in settings:
        cells = [_cell(by_place.get((dataset, skip, method))) for method in methods]
        lines.append(f"| {dataset}, skip {skip} | {' | '.join(cells)} |")
    return lines


def _cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None or figure["value"] is None:
        return "n/a"
    return f"{figure['value']:.2f} ({figure['low']:.1f} to {figure['high']:.1f})"


def _words(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(options.items()))

"""`evfi interpolate`: slow motion from a recording, or from a video alone."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evfi.errors import MissingInputError, UserError
from evfi.options import Precision
from evfi.units import BYTES_PER_MB, seconds_to_us

if TYPE_CHECKING:  # the command line starts without torch
    from evfi.inference.plan import Asked

log = logging.getLogger(__name__)

Seconds = Annotated[float | None, typer.Option(min=0, help="Seconds after the recording's first frame.")]

SideBySide = Annotated[
    bool, typer.Option("--side-by-side", help="The input at its own rate on the left, the result on the right.")
]
WithEvents = Annotated[bool, typer.Option("--with-events", help="Draw the events in: on the left, or into the frames.")]
Intermediates = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Keep the images on the way to each inserted frame.")
]

Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="A recording: .aedat4, or a recording store (.zarr). For a family that looks at frames alone also a "
        "video, or a folder of images with its timestamps.txt.",
    ),
]


def run(
    source: Source,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help=".mp4, .webp, .gif, .zarr (frame store), or a folder of PNG frames.")
    ],
    factor: Annotated[
        int | None, typer.Option(help="How many times slower; factor - 1 frames between every two. Default 8.")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second of recorded time, on a uniform grid.")] = None,
    at_us: Annotated[
        list[str] | None,
        typer.Option(metavar="T…", help="Single times in µs on the recording's clock; several with commas."),
    ] = None,
    start: Seconds = None,
    end: Seconds = None,
    playback_fps: Annotated[float | None, typer.Option(help="Playback rate; default: the recording's own.")] = None,
    realtime: Annotated[bool, typer.Option("--realtime", help="Play as fast as it happened.")] = False,
    weights: Annotated[Path | None, typer.Option(help="Weights; default: a run's newest, else evfi's own.")] = None,
    family: Annotated[str, typer.Option(help="Whose weights to look for.")] = "timelens",
    results: Annotated[Path, typer.Option(help="Where to look for them.")] = Path("results"),
    side_by_side: SideBySide = False,
    with_events: WithEvents = False,
    save_intermediates: Intermediates = None,
    mask_hot_pixels: Annotated[
        bool, typer.Option("--mask-hot-pixels/--keep-hot-pixels", help="Leave out the events of hot pixels.")
    ] = True,
    background_us: Annotated[
        int | None,
        typer.Option(min=1, help="Leave out events that no neighbouring pixel announced in so many µs; try 5000."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads of one operation.")] = 2,
    precision: Annotated[Precision, typer.Option(help="bf16: faster where the processor has it.")] = "fp32",
    max_memory: Annotated[
        int | None, typer.Option(metavar="MB", min=1, help="Memory of the network; larger frames run in tiles.")
    ] = None,
) -> None:
    """Insert frames between the frames of a recording: slow motion at the recording's own frame rate.

    Examples:

    `evfi interpolate my.aedat4 slow.mp4 --factor 8`

    `evfi interpolate my.zarr frames/ --fps 240 --start 1.5 --end 3 --weights weights.safetensors`

    `evfi interpolate video.mp4 slow.mp4 --family convlstm --factor 4`
    """
    from evfi.evaluation.agreement import EventAgreement
    from evfi.inference.cleaning import Cleaning
    from evfi.inference.composition import Composition
    from evfi.inference.plan import Asked
    from evfi.inference.slow_motion import interpolate_file

    times = tuple(_whole(text) for given in at_us or [] for text in given.replace(",", " ").split())
    asked = Asked(
        factor=8 if factor is None and fps is None and not times else factor,
        fps=fps,
        at_us=times,
        start_us=None if start is None else seconds_to_us(start),
        end_us=None if end is None else seconds_to_us(end),
        playback_fps=playback_fps,
        realtime=realtime,
    )
    _check(source, asked)
    summary = interpolate_file(
        source,
        out,
        weights=weights or default_weights(results, family),
        asked=asked,
        cleaning=Cleaning(hot_pixels=mask_hot_pixels, background_us=background_us),
        intermediates=save_intermediates,
        composition=Composition(side_by_side=side_by_side, with_events=with_events),
        judge=EventAgreement(),
        device=device,
        threads=threads,
        precision=precision,
        max_bytes=None if max_memory is None else max_memory * BYTES_PER_MB,
    )
    print(summary)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"--at-us wants whole microseconds, got {text!r}") from None


def _check(source: Path, asked: "Asked") -> None:
    """Before a line says which weights are taken."""
    from evfi.io.readers import check_there

    asked.check()
    check_there(source)


def default_weights(results: Path, family: str) -> Path:
    """The newest of a family's complete weights under `results` (the last stage's of each of its tracks); where there
    are none, the open weights that come with evfi. A line says which.

    Raises:
        MissingInputError: neither is there.
    """
    from evfi.models.registry import family_named
    from evfi.models.shipped import shipped_weights

    chosen = family_named(family)
    paths = [results / family / stage.name / "weights.safetensors" for stage in chosen.last_stages()]
    found = [path for path in paths if path.is_file()]
    if found:
        newest = max(found, key=lambda path: path.stat().st_mtime_ns)
        log.info("weights: %s, which a run left", newest)
        return newest
    open_weights = shipped_weights(chosen)
    if open_weights is None:
        raise MissingInputError(
            f"no {family} weights at {paths[0]}, and no open weights of {family} in this build of evfi: give "
            "--weights, or run `make demo` once to train some"
        )
    log.info("weights: the open weights of %s that come with evfi (%s)", chosen.label, open_weights)
    return open_weights

"""`evfi simulate`: frames into events."""

from pathlib import Path
from typing import Annotated, Any

import typer

from evfi.cli.arguments import OptionsJson, choices, options_from, parsed_options
from evfi.errors import UserError
from evfi.simulation.options import SimulationOptions


def run(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="A folder of images, a video, a recording (.zarr, .aedat4), or a Vimeo90k list (.txt, --root).",
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="By its ending: .zarr (a store; with the frames), .h5 (DSEC layout), .npz or .aedat4."
        ),
    ],
    root: Annotated[
        Path | None, typer.Option(help="The septuplet or triplet tree: the folder that holds sequences/.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help=choices(SimulationOptions, "preset"))] = None,
    contrast_pos: Annotated[float | None, typer.Option(help="ON threshold in log intensity.")] = None,
    contrast_neg: Annotated[float | None, typer.Option(help="OFF threshold in log intensity.")] = None,
    refractory_us: Annotated[int | None, typer.Option(help="Dead time of a pixel in µs.")] = None,
    upsample: Annotated[str | None, typer.Option(help=choices(SimulationOptions, "upsample"))] = None,
    backend: Annotated[str | None, typer.Option(help=choices(SimulationOptions, "backend"))] = None,
    device: Annotated[
        str | None, typer.Option(help="Where the backends torch, esim_torch and auto compute: cpu, cuda, cuda:1, …")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of thresholds and noise.")] = 0,
    fps: Annotated[
        float | None,
        typer.Option(help="Frame rate of a folder without timestamps.txt; of a video: instead of its own times."),
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option(help="Unit of timestamps.txt: s or us; default: whole numbers are µs, others seconds.")
    ] = None,
    options: OptionsJson = "",
) -> None:
    """Simulate the events that a camera would have seen (ESIM). Noise terms and all else go by `--options`.

    Examples:

    `evfi simulate video.mp4 recording.zarr --seed 1`

    `evfi simulate frames/ events.npz --fps 240 --preset esim_py --contrast-pos 0.2 --contrast-neg 0.2`

    `evfi simulate sep_testlist.txt test.zarr --root vimeo90k`

    `evfi simulate video.mp4 noisy.h5 --options '{"simulation": {"noise": {"shot_rate_hz": 1}}}'`
    """
    given: dict[str, Any] = dict(parsed_options(options, "simulation").get("simulation", {}))
    flags = {
        "preset": preset,
        "contrast_pos": contrast_pos,
        "contrast_neg": contrast_neg,
        "refractory_us": refractory_us,
        "upsample": upsample,
        "backend": backend,
        "device": device,
    }
    given.update({name: value for name, value in flags.items() if value is not None})
    chosen = options_from(SimulationOptions, given, "simulation")
    if root is None and source.suffix == ".txt":
        raise UserError(f"a list such as {source} needs --root, the folder that holds sequences/")
    if root is not None:
        if out.suffix != ".zarr" or fps is not None or time_unit is not None:
            raise UserError(f"a list goes into a clip store (.zarr) and has no times to give, got {out}")
        from evfi.simulation.shard import simulate_shard

        simulate_shard(source, root, out, chosen, seed)
        return
    from evfi.simulation.stream import simulate_file

    print(simulate_file(source, out, chosen, seed=seed, fps=fps, time_unit=time_unit))

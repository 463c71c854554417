"""`evfi simulate`: frames into events."""

from pathlib import Path
from typing import Annotated, Any

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_json
from evfi.errors import UserError
from evfi.simulation.options import SimulationOptions


def run(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A septuplet list (.txt, with --root), or a folder of PNG frames.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A clip store (.zarr) for a list; .npz for a folder of frames.")
    ],
    root: Annotated[Path | None, typer.Option(help="The septuplet tree: the folder that holds sequences/.")] = None,
    preset: Annotated[str | None, typer.Option(help="evtexture (default), e2vid or esim_py.")] = None,
    contrast_pos: Annotated[float | None, typer.Option(help="ON threshold in log intensity.")] = None,
    contrast_neg: Annotated[float | None, typer.Option(help="OFF threshold in log intensity.")] = None,
    refractory_us: Annotated[int | None, typer.Option(help="Dead time of a pixel in µs.")] = None,
    upsample: Annotated[str | None, typer.Option(help="none, linear or dis (optical flow).")] = None,
    backend: Annotated[str | None, typer.Option(help="numba or reference.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of thresholds and noise.")] = 0,
    fps: Annotated[float | None, typer.Option(help="Frame rate of a folder without timestamps.txt.")] = None,
    time_unit: Annotated[
        str | None, typer.Option(help="Unit of timestamps.txt: s or us; default: whole numbers are µs, others seconds.")
    ] = None,
    options: OptionsJson = "",
) -> None:
    """Simulate the events that a camera would have seen (ESIM).

    Examples:

    `evfi simulate sep_testlist.txt test.zarr --root vimeo90k`

    `evfi simulate frames/ events.npz --fps 240 --preset esim_py --contrast-pos 0.2 --contrast-neg 0.2`
    """
    given: dict[str, Any] = dict(parsed_json(options).get("simulation", {}))
    flags = {
        "preset": preset,
        "contrast_pos": contrast_pos,
        "contrast_neg": contrast_neg,
        "refractory_us": refractory_us,
        "upsample": upsample,
        "backend": backend,
    }
    given.update({name: value for name, value in flags.items() if value is not None})
    chosen = options_from(SimulationOptions, given, "simulation")
    if source.is_dir():
        _simulate_folder(source, out, chosen, seed, fps, time_unit)
        return
    if root is None:
        raise UserError(f"a list such as {source} needs --root, the folder that holds sequences/")
    from evfi.simulation.shard import simulate_shard

    simulate_shard(source, root, out, chosen, seed)


def _simulate_folder(
    source: Path, out: Path, options: SimulationOptions, seed: int, fps: float | None, time_unit: str | None
) -> None:
    if out.suffix != ".npz":
        raise UserError(f"events of a folder of frames are written to a file that ends in .npz, got {out}")
    if time_unit not in (None, "s", "us"):
        raise UserError(f"--time-unit is s or us, got {time_unit!r}")
    from evfi.io.event_files import write_event_file
    from evfi.io.images import read_frame_folder
    from evfi.simulation.simulate import simulate

    frames = read_frame_folder(source, time_unit=time_unit, fps=fps)
    write_event_file(out, simulate(frames.image, frames.t_us, options, seed=seed))

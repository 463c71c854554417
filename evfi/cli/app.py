"""`evfi <verb>`: the commands that people and workflow rules call. Heavy imports wait until a verb runs."""

import logging
import os
import sys
import traceback
from importlib import import_module
from typing import Annotated

import typer

from evfi.cli.run_lock import share_run_lock
from evfi.errors import EvfiError

EXIT_USER, EXIT_BUG, EXIT_INTERRUPTED = 2, 70, 130
VERBS = {
    "demo-data": "evfi.cli.demo_data",
    "render-scenes": "evfi.cli.render_scenes",
    "ingest": "evfi.cli.ingest",
    "verify": "evfi.cli.verify",
    "blocks": "evfi.cli.blocks",
    "simulate": "evfi.cli.simulate",
    "index": "evfi.cli.index",
    "flows": "evfi.cli.flows",
    "train": "evfi.cli.train",
    "evaluate": "evfi.cli.evaluate",
    "finetune": "evfi.cli.finetune",
    "sweep-thresholds": "evfi.cli.sweep_thresholds",
    "report": "evfi.cli.report",
    "status": "evfi.cli.status",
    "plan": "evfi.cli.plan",
    "table": "evfi.cli.table",
    "interpolate": "evfi.cli.interpolate",
    "export": "evfi.cli.export",
    "import-weights": "evfi.cli.import_weights",
    "info": "evfi.cli.info",
    "view": "evfi.cli.view",
    "doctor": "evfi.cli.doctor",
}

app = typer.Typer(
    name="evfi",
    help="Event-based video frame interpolation: from raw files to measured results.",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def _verbosity(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
) -> None:
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO
    logging.getLogger("evfi").setLevel(level)


for _name, _module in VERBS.items():
    app.command(_name)(import_module(_module).run)


def main() -> None:
    """Run a verb and leave with its exit code (design: 0 done, 1 check, 2 user, 70 bug, 75 time budget, 130)."""
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:
    """Run a verb; expected errors become one line on stderr."""
    _set_up_logging()
    # Intra-op threads that a workflow rule grants hold for OpenCV as well.
    # Threads that wait give their core away: spinning ones made two-thread runs on a busy machine ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", os.environ.get("OMP_NUM_THREADS", "1"))
    command = typer.main.get_command(app)
    try:
        share_run_lock()
        result = command.main(args=arguments or ["--help"], prog_name="evfi", standalone_mode=False)
    except EvfiError as error:
        return _failed(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", EXIT_INTERRUPTED)
    except OSError as error:
        return _failed(" ".join(str(error).split()), EXIT_USER)
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes here is a bug, and is printed whole
        if hasattr(error, "format_message"):  # click's usage errors, wherever this Typer's click lives
            verb = getattr(getattr(error, "ctx", None), "command_path", "evfi")
            return _failed(f"{error.format_message()} (see `{verb} --help`)", EXIT_USER)  # pyright: ignore
        traceback.print_exc()
        return _failed("this is a bug in evfi: please report the lines above", EXIT_BUG)
    return result if isinstance(result, int) else 0


def _failed(message: str, code: int) -> int:
    print(f"evfi: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _set_up_logging() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("evfi: %(message)s"))
    logger = logging.getLogger("evfi")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False

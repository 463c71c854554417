"""Writes docs/cli.md, the reference of all verbs, from the program itself; `--check` says whether it is up to date."""

import inspect
import sys
from pathlib import Path
from typing import Any

import typer

from evfi.cli.app import VERBS, app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
HEAD = """# Commands

All verbs of `evfi`, as the program itself describes them. Written by `python scripts/write_cli_reference.py`; a test
keeps it in step. Exit codes: 0 done, 1 a check found something, 2 your mistake or the environment's (one line says
which), 70 a bug, 75 the time budget is used up, 130 interrupted.
"""


def reference() -> str:
    """The whole page."""
    root: Any = typer.main.get_command(app)
    return "\n".join([HEAD, *(_verb(name, root.commands[name]) for name in VERBS)])


def _verb(name: str, command: Any) -> str:
    described = inspect.cleandoc(command.help or "").replace("`", "")
    with command.make_context(f"evfi {name}", [], resilient_parsing=True) as context:
        rows = [record for one in command.params if (record := one.get_help_record(context)) is not None]
    width = max((len(left) for left, _ in rows), default=0)
    lines = [described, "", *(f"  {left:{width}}  {said}".rstrip() for left, said in rows)]
    return f"## evfi {name}\n\n```text\n" + "\n".join(lines).rstrip() + "\n```\n"


def main() -> None:
    """Write the page, or compare it."""
    if sys.argv[1:] == ["--check"]:
        there = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
        if there != reference():
            sys.exit(f"{PAGE} is not what the program says: run `python scripts/write_cli_reference.py`")
        return
    PAGE.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Every command on a page of the documentation exists: verbs, options, targets, files. tests/docs runs them."""

import subprocess

import pytest
import typer

from evfi.cli.app import app
from tests.docs.commands import REPOSITORY, Command, commands_of, documented

ROOT = typer.main.get_command(app)


def parsed(command: Command) -> None:
    """Parse a command of evfi as the program itself would; a verb alone ("`evfi doctor` says …") only has to exist."""
    if not command.arguments:
        return
    with ROOT.make_context("evfi", command.arguments[:1]) as context:
        name, verb, _ = ROOT.resolve_command(context, command.arguments[:1])
        if len(command.arguments) > 1:
            verb.make_context(name, command.arguments[1:], parent=context).close()


def broken(text: str) -> str:
    """What is wrong with the one command in a text; empty if it parses."""
    (command,) = commands_of(text)
    try:
        parsed(command)
    except Exception as error:  # noqa: BLE001 - click's errors, wherever this Typer's click lives
        return error.format_message() if hasattr(error, "format_message") else str(error)
    return ""


@pytest.mark.parametrize("command", documented("evfi"), ids=str)
def test_a_documented_command_of_evfi_has_the_verb_and_options_of_the_real_one(command: Command) -> None:
    parsed(command)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`evfi infoo my.aedat4`", "infoo"),
        ("`evfi info my.aedat4 --jason`", "--jason"),
        ("```sh\nevfi interpolate my.aedat4 slow.mp4 \\\n  --factor many # slow\n```\n", "--factor"),
        ("`evfi ingest\nmy.aedat4`", "OUT"),
    ],
)
def test_a_wrong_command_on_a_page_would_be_found(text: str, wrong: str) -> None:
    assert wrong.lower() in broken(text).lower()


def test_blocks_of_other_languages_and_patterns_are_no_commands() -> None:
    text = "```yaml\nevfi: yes\n```\n`evfi <verb>` and `evfi info PATH [--json]`, twice `evfi info PATH [--json]`\n"
    assert [command.words for command in commands_of(text)] == [("evfi", "info", "PATH", "--json")]


@pytest.mark.parametrize("command", documented("make"), ids=str)
def test_a_documented_target_of_make_exists(command: Command) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *command.arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [*documented("pip"), *documented("conda"), *documented("python")], ids=str)
def test_files_of_the_repository_that_an_installation_names_are_there(command: Command) -> None:
    named = [word for word in command.arguments if word.endswith((".txt", ".yml", ".py"))]
    assert [word for word in named if not (REPOSITORY / word).is_file()] == []

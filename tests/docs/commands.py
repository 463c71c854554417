"""The commands that README.md and docs/ show: lines of their shell blocks and code spans that begin with a program."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "evfi" / "models").glob("*/README.md")),
]
PROGRAMS = ("evfi", "snakemake", "make", "pip", "conda", "python")
# What a page writes where a reader puts something of their own.
PLACEHOLDERS = {"N": "2", "NAME": "DAVIS240C"}
_SHELL_BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """A command as it stands on a page, and its words without brackets around what may be left out."""

    page: str
    text: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> list[str]:
        """The words after the program, placeholders filled in."""
        return [PLACEHOLDERS.get(word, word) for word in self.words[1:]]

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def commands_of(text: str, page: str = "") -> list[Command]:
    """The commands of one page, each once, in their order."""
    lines = [line for block in _SHELL_BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    spans = [" ".join(span.split()) for span in _SPAN.findall(_ANY_BLOCK.sub("", text))]
    found = [_command(line, page) for line in (*lines, *spans)]
    return list({command.words: command for command in found if command is not None}.values())


def documented(program: str) -> list[Command]:
    """All commands of one program on all pages, each once."""
    found = [
        command
        for page in PAGES
        for command in commands_of(page.read_text(encoding="utf-8"), str(page.relative_to(REPOSITORY)))
        if command.program == program
    ]
    return list({command.words: command for command in found}.values())


def _command(line: str, page: str) -> Command | None:
    """None where a line is no command, or a pattern of one (`evfi <verb>`)."""
    line = line.strip().removeprefix("$ ")
    if not line.startswith(PROGRAMS) or "<" in line or "…" in line or line.endswith("..."):
        return None
    words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)
    if not words or words[0] not in PROGRAMS:
        return None
    return Command(page, line, tuple(words))

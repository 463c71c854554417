"""How much disk each rule's outputs take."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evfi.errors import UserError


def parsed_outputs(words: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """`RULE=PATH` words, a rule as often as it has paths.

    Raises:
        UserError: a word has no rule or no path.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for word in words:
        rule, _, path = word.partition("=")
        if not rule or not path:
            raise UserError(f"--outputs takes RULE=PATH, got {word!r}: for example simulate=results/stores/clips")
        found[rule] = (*found.get(rule, ()), Path(path))
    return found


def bytes_of_rules(outputs: Mapping[str, Sequence[Path]]) -> dict[str, int]:
    """Bytes of all files under each rule's outputs; what is absent counts nothing, links in them are not followed."""
    return {rule: sum(size for path in paths for size in _sizes(path.resolve())) for rule, paths in outputs.items()}


def _sizes(path: Path) -> Iterator[int]:
    if path.is_symlink():
        return
    if path.is_file():
        yield path.stat().st_size
    elif path.is_dir():
        for inner in path.iterdir():
            yield from _sizes(inner)

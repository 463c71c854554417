"""Arguments that several verbs share."""

import json
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError

from evfi.config import one_line
from evfi.errors import UserError
from evfi.options import Options

OptionsType = TypeVar("OptionsType", bound=Options)
OptionsJson = Annotated[
    str, typer.Option("--options", metavar="JSON", help="Options as JSON, as the workflow passes them.")
]


def parsed_options(text: str, *parts: str) -> dict[str, Any]:
    """The object in an `--options` text, which may have these parts, such as {"evaluation": {…}}.

    Raises:
        UserError: it is not a JSON object, or has another part.
    """
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise UserError(f"--options is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"--options must be a JSON object, got {text[:40]!r}")
    if unknown := sorted(set(value) - set(parts)):
        wanted = ", ".join(f'"{part}": {{…}}' for part in parts)
        raise UserError(f"--options takes {{{wanted}}} here, got {', '.join(unknown)}")
    return value


def options_from(kind: type[OptionsType], values: Any, name: str) -> OptionsType:
    """Validated options from plain values.

    Raises:
        UserError: one line with the path of each wrong key.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{name}: {one_line(error)}") from None


def choices(kind: type[Options], field: str) -> str:
    """A help text with the names that an option takes, as its schema lists them, and its default."""
    schema = kind.model_json_schema()["properties"][field]
    names = ", ".join(str(name) for name in schema.get("enum", schema.get("examples", ())))
    return f"{names or schema.get('description', '')}; default {schema['default']}."


def pairs(texts: list[str], what: str) -> dict[str, str]:
    """`NAME=VALUE` arguments as a mapping.

    Raises:
        UserError: an argument without "=".
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UserError(f"{what} must be NAME=VALUE, got {text!r}")
        found[name] = value
    return found

"""The frozen base of every options class (recipes, simulation, configuration)."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

Precision = Literal["fp32", "bf16"]


class Options(BaseModel):
    """Immutable options; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def replaced(self, **changes: object) -> Self:
        """A validated copy with some fields changed."""
        return self.model_validate({**self.model_dump(), **changes})

"""Which optical flow is computed where a family needs one."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from evfi.options import Options


class FlowOptions(Options):
    """DIS needs no weights; PWC-Net reads its public file from a path of the user's."""

    provider: Literal["dis", "pwc"] = "dis"
    preset: Literal["ultrafast", "fast", "medium", "fine"] = Field(default="medium", description="of DIS")
    weights: str | None = Field(default=None, description="of PWC-Net: the file pwc_net.pth.tar")

    @model_validator(mode="after")
    def _weights_named(self) -> Self:
        if self.provider == "pwc" and self.weights is None:
            raise ValueError("the flow pwc needs weights: name PWC-Net's file pwc_net.pth.tar, or choose dis")
        return self

    @property
    def file(self) -> Path | None:
        """The weights file that takes part in the result."""
        return Path(self.weights) if self.provider == "pwc" and self.weights is not None else None

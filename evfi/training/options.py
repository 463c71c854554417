"""How a stage is computed, which never changes its result."""

from typing import Annotated

from annotated_types import Ge
from pydantic import Field

from evfi.options import Options


class Runtime(Options):
    """What only changes how training runs; the recipe holds what changes its result."""

    workers: Annotated[int, Ge(0)] = Field(
        default=1, description="processes that prepare samples beside the trainer; 0 = the trainer itself"
    )
    device: str = Field(default="cpu", description="torch's name of the device: cpu, cuda, cuda:1, …")
    ranks: Annotated[int, Ge(1)] = Field(
        default=1, description="processes that train a stage together, one on each device; they share each batch"
    )
    checkpoint_seconds: Annotated[float, Ge(0)] = Field(
        default=60.0, description="time between checkpoints: what a sudden death may cost; 0 = after every step"
    )

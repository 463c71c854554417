"""Model families. `evfi.models.build("timelens", base_width=8)` gives a torch module with fresh weights."""

from typing import TYPE_CHECKING, Any

from evfi.models.registry import family_named

if TYPE_CHECKING:
    from torch import nn


def build(family: str, **options: Any) -> "nn.Module":
    """A model of a family with fresh weights; imports torch.

    Raises:
        UserError: an unknown family. ValueError: an unknown or impossible option.
    """
    chosen = family_named(family)
    return chosen.build(chosen.options(**options))

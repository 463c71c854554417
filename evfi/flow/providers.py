"""The flow provider that options name."""

from evfi.flow.dis import DisFlow
from evfi.flow.options import FlowOptions
from evfi.flow.provider import FlowProvider


def provider_of(options: FlowOptions | None = None) -> FlowProvider:
    """DIS, or PWC-Net with the weights that the options name.

    Raises:
        MissingInputError, InputFileError: the weights are absent, or not PWC-Net's.
    """
    options = options or FlowOptions()
    if options.file is None:
        return DisFlow(options.preset)
    from evfi.flow.pwc import PwcFlow  # imports torch

    return PwcFlow(options.file)

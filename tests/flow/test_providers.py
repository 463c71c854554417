"""The flow that options name."""

import pytest
from pydantic import ValidationError

from evfi.errors import MissingInputError
from evfi.flow.options import FlowOptions
from evfi.flow.providers import provider_of


def test_dis_is_the_default_and_takes_its_preset() -> None:
    assert provider_of().name == "dis-medium"
    assert provider_of(FlowOptions(preset="fine")).name == "dis-fine"


def test_pwc_without_weights_is_refused() -> None:
    with pytest.raises(ValidationError, match="name PWC-Net's file"):
        FlowOptions(provider="pwc")


def test_absent_flow_weights_are_one_line() -> None:
    with pytest.raises(MissingInputError, match=r"no flow weights at nowhere\.pth"):
        provider_of(FlowOptions(provider="pwc", weights="nowhere.pth"))

"""Options of the sample index and of augmentation."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from evfi.options import Options

Skip = Annotated[int, Ge(1)]


class SceneSamplesOptions(Options):
    """Which samples an index holds of rendered scenes."""

    train_skips: tuple[Skip, ...] = Field(default=(1, 2, 3, 5, 7, 9, 11, 15), description="drawn evenly")
    train_rows: Annotated[int, Ge(1)] = Field(default=32, description="samples drawn of each scene to train on")
    test_skips: tuple[Skip, ...] = (1, 3, 7, 15)


class SamplesOptions(Options):
    """Which samples an index holds.

    A skip of n holds out the n frames between two boundary frames n+1 apart; each is a target.
    """

    septuplet_train_skips: tuple[Skip, ...] = (1, 3, 5)
    septuplet_test_skips: tuple[Skip, ...] = (1, 5)
    recording_train_skips: tuple[Skip, ...] = (1,)
    recording_test_skips: tuple[Skip, ...] = (1,)
    recording_test_taus: tuple[Annotated[float, Gt(0), Lt(1)], ...] = Field(
        default=(),
        exclude_if=lambda value: value == (),  # it came later: older indexes keep their options' JSON
        description="moments between neighbouring frames of which there is no true frame, such as 1/3 and 2/3: rows to "
        "predict, measured by event_consistency alone",
    )
    scenes: SceneSamplesOptions = Field(
        default=SceneSamplesOptions(),
        exclude_if=lambda value: value == SceneSamplesOptions(),  # it came later, as above
        description="of rendered scenes",
    )
    slide: bool = Field(default=True, description="groups of a recording overlap, one starting at every frame")
    validation_fraction: Annotated[float, Ge(0), Lt(1)] = Field(
        default=0.1, description="share of the training set held out, by whole folders of the septuplet list"
    )
    max_interval_ratio: Annotated[float, Gt(1)] = Field(
        default=1.5, description="a frame interval longer than this many median intervals breaks a group"
    )
    leave_out_cuts: bool = Field(
        default=False,
        exclude_if=lambda value: value is False,  # it came later, as above
        description="groups of a recording across a cut from one scene to another are left out",
    )
    recording_test_groups: Annotated[int, Ge(1)] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,  # likewise
        description="most groups of a recording and skip that are measured, spread evenly; none = all",
    )
    time_split_train: Annotated[float, Gt(0), Lt(1)] = Field(
        default=0.7, description="split 'time': the first part of the recording that trains"
    )
    time_split_gap: Annotated[float, Ge(0), Le(0.5)] = Field(
        default=0.05, description="split 'time': the part of the recording left out between training and test"
    )


class AugmentOptions(Options):
    """Random changes of a training sample, the same for its frames and its events."""

    crop: Annotated[int, Ge(0)] | tuple[Annotated[int, Ge(1)], ...] = Field(
        default=0,
        description="side of the square crop in pixels; 0 keeps the frame; several sides take turns step by step, so "
        "that a network that pads to a multiple of 32 sees both padded and unpadded frames",
    )
    flip_horizontal: bool = True
    flip_vertical: bool = True
    reverse_time: bool = True
    transpose: bool = False
    top_left: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="height and width of a crop at the top left, in place of the random square",
    )

    @property
    def crops(self) -> bool:
        """Whether samples of all sizes become equal in size."""
        return self.top_left is not None or bool(self.crop)

    def side(self, step: int) -> int:
        """The side of all crops of one step's batch."""
        return self.crop if isinstance(self.crop, int) else self.crop[step % len(self.crop)]

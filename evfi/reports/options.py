"""Options of the report: its title, its goals, and how many pictures it carries."""

from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import Field

from evfi.options import Options


class Goal(Options):
    """A figure that a run is expected to reach: `method` minus `versus` is at least `minimum`.

    The difference is the paired mean over sequences, signed so that positive is better: for a metric where smaller
    is better (ie), `minimum` 1 asks for an error smaller by 1.
    """

    dataset: str
    protocol: str
    skip: int
    method: str
    versus: str
    minimum: float = Field(description="least difference, in the metric's unit, positive = better")
    metric: str = "psnr_float"
    target: str = Field(default="all", description="one target such as im4, or all of them")


class ReportOptions(Options):
    """What the report shows. Nothing here changes a measured figure."""

    title: str = "Event-based frame interpolation"
    goals: tuple[Goal, ...] = ()
    main_metric: str = "psnr_float"
    first_protocol: str = Field(default="truth", description="the protocol whose tables come first")
    headline_targets: tuple[str, ...] = Field(
        default=("im4",), description="targets whose table is shown where a data set has them, instead of all together"
    )
    error_scale: Annotated[int, Ge(1), Le(255)] = Field(
        default=48, description="absolute 8-bit difference at which the colour scale of an error map ends"
    )
    picture_side: Annotated[int, Ge(32)] = Field(default=480, description="longest side of a picture in pixels")
    picture_quality: Annotated[int, Ge(1), Le(100)] = Field(default=88, description="WebP quality of the pictures")
    rough_quality: Annotated[int, Ge(1), Le(100)] = Field(
        default=65, description="WebP quality of error maps, loops and validation pictures"
    )
    pictures_mb: Annotated[float, Gt(0), Le(18)] = Field(
        default=8.0, description="most megabytes that the samples' pictures may take, as they stand in the page"
    )
    loop_ms: Annotated[int, Ge(100)] = Field(default=900, description="how long a loop takes from frame 0 to frame 1")
    validation_pictures: Annotated[int, Ge(0)] = Field(default=3, description="validation pictures shown of each stage")
    table_rows: Annotated[int, Ge(1)] = Field(default=200, description="most rows of one table of details")
    sequences_shown: Annotated[int, Ge(0)] = Field(
        default=24, description="most sequences of one setting that get a part of their own"
    )
    hardest_targets: Annotated[int, Ge(1)] = Field(
        default=8, description="targets shown of a sequence: those where the best learned method does worst"
    )
    surveyed_events: Annotated[int, Ge(0)] = Field(
        default=50_000_000, description="most events that the report reads of recordings, for their data-set pages"
    )
    surveyed_clips: Annotated[int, Ge(0)] = Field(
        default=48, description="clips of each part, evenly spread, whose events the report reads"
    )

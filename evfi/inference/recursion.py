"""Slow motion by halving, for a family that predicts only the middle of two frames: factors 2, 4 and 8.

Each round doubles the number of intervals: the frame in the middle of every neighbouring pair is predicted from the
pair and the frames beside it, at the same spacing. Later rounds see the frames of the rounds before, as predicted.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from evfi.errors import UserError
from evfi.inference.predictor import Prediction, Predictor
from evfi.inference.quantise import quantised
from evfi.samples.sample import Image, Sample, as_rgb
from evfi.types import Events, SensorSize

Frame = TypeVar("Frame")
# before, frame0, frame1, after -> the frame in the middle of frame0 and frame1; None: no such context frame.
Middle = Callable[[Frame | None, Frame, Frame, Frame | None], Frame]
FACTORS = (2, 4, 8)


def rounds_of(family: str, factor: int | None) -> int:
    """How many times a video is halved for a factor.

    Args:
        factor: None where single times or a frame rate are asked for.

    Raises:
        UserError: a factor that halving does not reach, or none.
    """
    if factor is None or factor not in FACTORS:
        raise UserError(
            f"the family {family} predicts only the middle of two frames, so it wants the factor 2, 4 or 8, got "
            f"{'chosen times' if factor is None else f'the factor {factor}'}: choose one of them, or another family"
        )
    return FACTORS.index(factor) + 1


@dataclass(frozen=True, eq=False, slots=True)
class PlacedFrame:
    """A frame uint8 (H, W) gray or (H, W, 3) RGB, its time in µs, and its number among the frames of the result."""

    image: Image
    t_us: int
    number: int


def frames_by_halving(
    frames: Iterable[tuple[Image, int]],
    factor: int,
    predictor: Predictor,
    seen: Callable[[int, Prediction], None] | None = None,
) -> Iterator[PlacedFrame]:
    """All frames of a video with factor - 1 predicted between every two, in the order of time; no events are used.

    Args:
        frames: uint8 (H, W) gray or (H, W, 3) RGB, all alike, and their times in µs; given back bit for bit.
        predictor: of a family that needs no events.
        seen: called with the number of an inserted frame among all frames and with its prediction.

    Raises:
        UserError: a factor that halving does not reach.
    """
    placed = (PlacedFrame(image, t_us, number * factor) for number, (image, t_us) in enumerate(frames))
    return halved(placed, rounds_of(predictor.family, factor), _Middle(predictor, seen))


def halved(frames: Iterable[Frame], rounds: int, middle: Middle[Frame]) -> Iterator[Frame]:
    """All frames with 2^rounds - 1 made by `middle` between every two; each round holds four frames."""
    stream = iter(frames)
    for _ in range(rounds):
        stream = _once(stream, middle)
    return stream


def _once(frames: Iterator[Frame], middle: Middle[Frame]) -> Iterator[Frame]:
    frame0 = next(frames, None)
    if frame0 is None:
        return
    yield frame0
    before: Frame | None = None
    frame1, after = next(frames, None), next(frames, None)
    while frame1 is not None:
        yield middle(before, frame0, frame1, after)
        yield frame1
        before, frame0, frame1, after = frame0, frame1, after, next(frames, None)


class _Middle:
    """Predicts the frame in the middle of two, from these and the frames beside them."""

    def __init__(self, predictor: Predictor, seen: Callable[[int, Prediction], None] | None) -> None:
        self._predictor, self._seen = predictor, seen

    def __call__(
        self, before: PlacedFrame | None, frame0: PlacedFrame, frame1: PlacedFrame, after: PlacedFrame | None
    ) -> PlacedFrame:
        number, is_gray = (frame0.number + frame1.number) // 2, frame0.image.ndim == 2
        sample = Sample(
            sample_id=f"frame {number}",
            sequence="video",
            frame0=as_rgb(frame0.image),
            frame1=as_rgb(frame1.image),
            target=None,
            events=Events.empty(SensorSize(height=frame0.image.shape[0], width=frame0.image.shape[1])),
            # Halves of any pair, however odd its interval: the family looks at no time.
            t0_us=0,
            t_us=1,
            t1_us=2,
            before=None if before is None else as_rgb(before.image),
            after=None if after is None else as_rgb(after.image),
        )
        (prediction,) = self._predictor.predict([sample])
        if self._seen is not None:
            self._seen(number, prediction)
        image = quantised(prediction.frame)
        return PlacedFrame(image[..., 0] if is_gray else image, (frame0.t_us + frame1.t_us) // 2, number)

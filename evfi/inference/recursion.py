"""Slow motion by halving, for a family that predicts only the middle of two frames: factors 2, 4 and 8.

Each round doubles the number of intervals: the frame in the middle of every neighbouring pair is predicted from the
pair and the frames beside it, at the same spacing. Later rounds see the frames of the rounds before, as predicted.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from evfi.errors import UserError
from evfi.inference.predictor import Predictor
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


def frames_by_halving(frames: Iterable[Image], factor: int, predictor: Predictor) -> Iterator[Image]:
    """All frames of a video with factor - 1 predicted between every two, in the order of time; no events are used.

    Args:
        frames: uint8 (H, W) gray or (H, W, 3) RGB, all alike; given back bit for bit.
        predictor: of a family that needs no events.

    Raises:
        UserError: a factor that halving does not reach.
    """
    return halved(frames, rounds_of(predictor.family, factor), lambda *four: _middle(predictor, *four))


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


def _middle(predictor: Predictor, before: Image | None, frame0: Image, frame1: Image, after: Image | None) -> Image:
    size = SensorSize(height=frame0.shape[0], width=frame0.shape[1])
    sample = Sample(
        sample_id="between two frames",
        sequence="video",
        frame0=as_rgb(frame0),
        frame1=as_rgb(frame1),
        target=None,
        events=Events.empty(size),
        t0_us=0,
        t_us=1,
        t1_us=2,
        before=None if before is None else as_rgb(before),
        after=None if after is None else as_rgb(after),
    )
    (prediction,) = predictor.predict([sample])
    image = quantised(prediction.frame)
    return image if frame0.ndim == 3 else image[..., 0]

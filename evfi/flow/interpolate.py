"""Frames between two frames from optical flow alone: the upsampler's engine, and the frame-only baseline.

For each time tau the motion is carried there from both frames (forward splatting, bad matches weighing little), holes
are filled from their surroundings, both frames are sampled backward along it (bicubic), and the two samples are
blended by nearness in time and by visibility: a frame in which the point is hidden, so that another motion is found
where it should be, counts little.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.flow import interpolation_kernels as kernels
from evfi.flow.splat_kernels import CELL, splat

_MATCH_BLUR_PX = 1.0
"""Frames are smoothed this much before their gray values are compared, so that noise does not look like a mismatch."""
_DOUBT_BLUR_PX = 2.0
_DOUBT_GRAY = np.float32(15.0)
"""Disagreement of the two samples, gray levels, at which half of `hedge` is used."""


def interpolate_pair(
    frame0: NDArray,
    frame1: NDArray,
    flow01: NDArray[np.float32],
    flow10: NDArray[np.float32],
    taus: Sequence[float],
    *,
    hedge: float = 0.35,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Frames at the times taus between two frames.

    Args:
        frame0, frame1: uint8 or float (H, W) or (H, W, 3), values in [0, 255].
        flow01, flow10: (H, W, 2) pixels (dx, dy), from frame 0 to 1 and back.
        taus: each in [0, 1]; 0 is frame0's time, 1 is frame1's.
        hedge: how far a pixel moves towards the plain blend of both frames where the two samples disagree, 0 to 1.
            The default was chosen for a small squared error on real video; 0 keeps motion sharp.
        out: where the frames go, contiguous, of the shape that is returned.

    Returns:
        float32 (len(taus), H, W[, 3]), values in [0, 255].

    Raises:
        UserError: shapes that do not belong together, a flow that is not finite, or a tau outside [0, 1].
    """
    _check(frame0, frame1, flow01, flow10, taus, hedge)
    image0, image1 = (np.ascontiguousarray(frame, np.float32) for frame in (frame0, frame1))
    flow01, flow10 = (np.ascontiguousarray(flow, np.float32) for flow in (flow01, flow10))
    smooth0, smooth1 = _smooth_gray(image0), _smooth_gray(image1)
    trust0 = kernels.match_trust(flow01, flow10, smooth0, smooth1)
    trust1 = kernels.match_trust(flow10, flow01, smooth1, smooth0)
    channels = (*image0.shape[:2], -1)
    if out is None:
        out = np.empty((len(taus), *image0.shape), np.float32)
    height, width = image0.shape[:2]
    # one set of arrays for all taus: fresh ones of this size cost page faults
    sums, places = np.empty((height + 2, width + 2, CELL), np.float32), np.empty((4, height, width), np.float32)
    share1, samples = np.empty((height, width), np.float32), np.empty((2, *image0.shape), np.float32)
    planes01, planes10 = (np.ascontiguousarray(flow.transpose(2, 0, 1)) for flow in (flow01, flow10))
    for k, tau in enumerate(map(np.float32, taus)):
        splat(planes01, planes10, trust0, trust1, tau, sums)
        _fill(sums[1:-1, 1:-1])
        kernels.sampling(sums, flow01, flow10, tau, places, share1)
        _sample(image0, places[:2], samples[0])
        _sample(image1, places[2:], samples[1])
        sample0, sample1 = samples[0].reshape(channels), samples[1].reshape(channels)
        frame = out[k].reshape(channels)
        kernels.blend(sample0, sample1, share1, frame)
        if hedge > 0:
            doubt = cv2.GaussianBlur(kernels.disagreement(sample0, sample1, share1), (0, 0), _DOUBT_BLUR_PX)
            plain0, plain1 = image0.reshape(channels), image1.reshape(channels)
            kernels.hedge(frame, plain0, plain1, doubt, np.float32(hedge), _DOUBT_GRAY, tau)
    return out


def _sample(image: NDArray[np.float32], place: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """The image at columns and rows `place` (2, H, W), bicubic, into out; beyond its edge the nearest value."""
    cv2.remap(image, place[0], place[1], cv2.INTER_CUBIC, dst=out, borderMode=cv2.BORDER_REPLICATE)


def _fill(sums: NDArray[np.float32]) -> None:
    """Give pixels of splatted sums (dx*w, dy*w, w, 0) that got (nearly) nothing the mean of a coarser level.

    Coarser levels are made only until one has no hole.
    """
    if not kernels.has_holes(sums):
        return
    levels: list[NDArray] = [sums]
    while min(levels[-1].shape[:2]) > 1 and (len(levels) == 1 or kernels.has_holes(levels[-1])):
        levels.append(_coarser(levels[-1]))
    kernels.fill_holes(levels[-1], np.zeros((*levels[-1].shape[:2], 2), np.float32))
    for level, coarser in zip(levels[-2::-1], levels[:0:-1], strict=True):
        motion = kernels.mean_motion(coarser)
        coarse = cv2.resize(motion, (level.shape[1], level.shape[0]), interpolation=cv2.INTER_LINEAR)
        kernels.fill_holes(level, coarse.reshape(*level.shape[:2], 2))


def _coarser(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums (H, W, 3 or more), averaged by area to half the size, rounded up: three channels."""
    height, width = level.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        halved = np.empty((height // 2, width // 2, 3), np.float32)
        kernels.halve(level, halved)
        return halved
    # three channels: OpenCV rounds four in another way
    three = np.empty((height, width, 3), np.float32)
    kernels.without_padding(level, three)
    return np.asarray(
        cv2.resize(three, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA), np.float32
    )


def _smooth_gray(image: NDArray[np.float32]) -> NDArray[np.float32]:
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), _MATCH_BLUR_PX), np.float32).reshape(gray.shape)


def _check(
    frame0: NDArray, frame1: NDArray, flow01: NDArray, flow10: NDArray, taus: Sequence[float], hedge: float
) -> None:
    if frame0.shape != frame1.shape or frame0.ndim not in (2, 3) or (frame0.ndim == 3 and frame0.shape[2] != 3):
        raise UserError(f"expected two frames (H, W) or (H, W, 3) of one shape, got {frame0.shape}, {frame1.shape}")
    expected = (*frame0.shape[:2], 2)
    if flow01.shape != expected or flow10.shape != expected:
        raise UserError(f"frames of shape {frame0.shape} need flows {expected}, got {flow01.shape}, {flow10.shape}")
    if not (np.isfinite(flow01).all() and np.isfinite(flow10).all()):
        raise UserError("the flow has values that are no numbers: are the flow network's weights whole?")
    if not 0 <= hedge <= 1:
        raise UserError(f"hedge must lie in [0, 1], got {hedge}")
    for tau in taus:
        if not 0 <= tau <= 1:
            raise UserError(f"a tau must lie in [0, 1], got {tau}")

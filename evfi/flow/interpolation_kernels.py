"""Compiled inner loops of `interpolate.py`. Images float32 (H, W[, C]), flows float32 (H, W, 2) as (dx, dy)."""

import numpy as np
from numba import njit

_CIRCLE_PX2 = np.float32(1.0)
"""Squared forward-backward error, pixels, at which a match's weight has fallen to 1/e."""
_MISMATCH = np.float32(10.0)
"""Gray levels of difference between matched points at which the weight has fallen to 1/e."""
_LEAST_TRUST = np.float32(1e-6)
_UNMATCHED_TRUST = np.float32(1e-3)
"""Weight of motion that leaves the image: nothing can be checked there."""
_FULL_WEIGHT = np.float32(1e-7)
"""Splatted weight from which on a pixel's own mean is used alone."""
_HIDDEN_PX2 = np.float32(1.0)
_HIDDEN_PART = np.float32(0.02)
"""Two motions are one surface while their squared difference is below _HIDDEN_PX2 + _HIDDEN_PART * motion^2."""
_HIDDEN_SHARE = np.float32(0.3)
"""Weight that a frame keeps where the point seems hidden in it: the flow may be what is wrong."""
_OUTSIDE_SHARE = np.float32(1e-3)
"""Weight of a frame in which the point lies outside."""


@njit(cache=True, nogil=True)
def _corner(position, size):
    """Left neighbour, right neighbour and fraction for linear sampling, clamped to the image."""
    position = min(max(position, np.float32(0)), np.float32(size - 1))
    left = int(position)
    return left, min(left + 1, size - 1), position - np.float32(left)


@njit(cache=True, nogil=True)
def _sampled(flow, x, y):
    """Bilinear vector at (x, y), clamped to the image."""
    left, right, a = _corner(x, flow.shape[1])
    top, bottom, b = _corner(y, flow.shape[0])
    w00, w01, w10, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
    dx = w00 * flow[top, left, 0] + w01 * flow[top, right, 0] + w10 * flow[bottom, left, 0]
    dy = w00 * flow[top, left, 1] + w01 * flow[top, right, 1] + w10 * flow[bottom, left, 1]
    return dx + w11 * flow[bottom, right, 0], dy + w11 * flow[bottom, right, 1]


@njit(cache=True, nogil=True)
def _sampled_gray(gray, x, y):
    """Bilinear gray value at (x, y), clamped to the image."""
    left, right, a = _corner(x, gray.shape[1])
    top, bottom, b = _corner(y, gray.shape[0])
    upper = (1 - a) * gray[top, left] + a * gray[top, right]
    lower = (1 - a) * gray[bottom, left] + a * gray[bottom, right]
    return (1 - b) * upper + b * lower


@njit(cache=True, nogil=True)
def _outside(x, y, height, width):
    """Whether a position lies more than half a pixel beyond the image."""
    return x < -0.5 or y < -0.5 or x > width - 0.5 or y > height - 0.5


@njit(cache=True, nogil=True)
def match_trust(flow, flow_back, gray, gray_other):
    """How well each pixel's match holds, (H, W) in (0, 1]: there and back is a circle, gray values agree."""
    height, width = gray.shape
    trust = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            to_x, to_y = np.float32(x) + flow[y, x, 0], np.float32(y) + flow[y, x, 1]
            if _outside(to_x, to_y, height, width):
                trust[y, x] = _UNMATCHED_TRUST
                continue
            error_x, error_y = _sampled(flow_back, to_x, to_y)
            error_x, error_y = error_x + flow[y, x, 0], error_y + flow[y, x, 1]
            mismatch = abs(_sampled_gray(gray_other, to_x, to_y) - gray[y, x])
            badness = (error_x * error_x + error_y * error_y) / _CIRCLE_PX2 + mismatch / _MISMATCH
            trust[y, x] = max(np.float32(np.exp(-badness)), _LEAST_TRUST)
    return trust


@njit(cache=True, nogil=True)
def splatted(flow01, flow10, trust0, trust1, tau):
    """Both flows carried to tau: sums (H, W, 3) of dx*w, dy*w and w, motion counted from frame 0 to 1."""
    height, width = trust0.shape
    sums = np.zeros((height + 2, width + 2, 3), np.float32)
    one = np.float32(1)
    _splat(flow01, trust0, tau, one, one - tau, sums)
    _splat(flow10, trust1, one - tau, -one, tau, sums)
    return sums[1:-1, 1:-1].copy()


@njit(cache=True, nogil=True)
def _splat(flow, trust, part, sign, weight, sums):
    """Add bilinearly to the four neighbours; sums has a margin of one pixel. Unsigned indices spare a test each."""
    height, width = trust.shape
    one = np.float32(1)
    for y in range(height):
        for x in range(width):
            dx, dy = flow[y, x, 0], flow[y, x, 1]
            to_x, to_y = np.float32(x) + part * dx + one, np.float32(y) + part * dy + one
            if not (0 <= to_x < width + 1 and 0 <= to_y < height + 1):
                continue
            left, top = np.uint32(to_x), np.uint32(to_y)
            a, b = to_x - np.float32(left), to_y - np.float32(top)
            dx, dy, w = sign * dx, sign * dy, weight * trust[y, x]
            for down in range(2):
                w_row = w * (b if down else one - b)
                for right in range(2):
                    w_here = w_row * (a if right else one - a)
                    row, column = top + np.uint32(down), left + np.uint32(right)
                    sums[row, column, 0] += dx * w_here
                    sums[row, column, 1] += dy * w_here
                    sums[row, column, 2] += w_here


@njit(cache=True, nogil=True)
def mean_motion(sums, coarse):
    """Means of splatted sums (H, W, 3); where little was splatted, partly or wholly the coarse motion (H, W, 2)."""
    height, width = sums.shape[:2]
    motion = np.empty((height, width, 2), np.float32)
    for y in range(height):
        for x in range(width):
            weight = sums[y, x, 2]
            share = min(weight / _FULL_WEIGHT, np.float32(1))
            for channel in range(2):
                own = sums[y, x, channel] / weight if weight > 0 else np.float32(0)
                motion[y, x, channel] = share * own + (1 - share) * coarse[y, x, channel]
    return motion


@njit(cache=True, nogil=True)
def sampling(motion, flow01, flow10, tau):
    """Where each pixel of the frame at tau lies in both frames, (H, W, 2) each, and the share (H, W) of frame 1."""
    height, width = motion.shape[:2]
    map0, map1 = np.empty_like(motion), np.empty_like(motion)
    share1 = np.empty((height, width), np.float32)
    rest = np.float32(1) - tau
    for y in range(height):
        for x in range(width):
            dx, dy = motion[y, x, 0], motion[y, x, 1]
            x0, y0 = np.float32(x) - tau * dx, np.float32(y) - tau * dy
            x1, y1 = np.float32(x) + rest * dx, np.float32(y) + rest * dy
            map0[y, x, 0], map0[y, x, 1], map1[y, x, 0], map1[y, x, 1] = x0, y0, x1, y1
            weight0 = rest * _seen(flow01, x0, y0, dx, dy)
            weight1 = tau * _seen(flow10, x1, y1, -dx, -dy)
            share1[y, x] = weight1 / (weight0 + weight1)
    return map0, map1, share1


@njit(cache=True, nogil=True)
def _seen(flow, x, y, dx, dy):
    """Weight of a frame in which a point should lie at (x, y) and move by (dx, dy), from the motion found there."""
    if _outside(x, y, flow.shape[0], flow.shape[1]):
        return _OUTSIDE_SHARE
    half = np.float32(0.5)
    row, column = min(int(y + half), flow.shape[0] - 1), min(int(x + half), flow.shape[1] - 1)
    error_x, error_y = flow[row, column, 0] - dx, flow[row, column, 1] - dy
    scale = _HIDDEN_PX2 + _HIDDEN_PART * (dx * dx + dy * dy)
    fit = scale / (scale + error_x * error_x + error_y * error_y)
    return _HIDDEN_SHARE + fit * fit


@njit(cache=True, nogil=True)
def blend(sample0, sample1, share1, out):
    """Mix two samplings (H, W, C) by the share of the second, clamped to [0, 255], into out (H, W, C)."""
    black, white = np.float32(0), np.float32(255)
    for y in range(sample0.shape[0]):
        for x in range(sample0.shape[1]):
            for channel in range(sample0.shape[2]):
                first = sample0[y, x, channel]
                value = first + share1[y, x] * (sample1[y, x, channel] - first)
                out[y, x, channel] = min(max(value, black), white)


@njit(cache=True, nogil=True)
def disagreement(sample0, sample1, share1):
    """Mean absolute difference over the channels of two samplings (H, W, C), less where one of them has no share."""
    height, width, channels = sample0.shape
    out = np.empty((height, width), np.float32)
    one, four = np.float32(1), np.float32(4)
    for y in range(height):
        for x in range(width):
            total = np.float32(0)
            for channel in range(channels):
                total += abs(sample0[y, x, channel] - sample1[y, x, channel])
            out[y, x] = four * share1[y, x] * (one - share1[y, x]) * total / np.float32(channels)
    return out


@njit(cache=True, nogil=True)
def hedge(frame, image0, image1, disagreement, largest, scale, tau):
    """Move frame (H, W, C) towards the plain blend of both images where the two samplings disagreed."""
    for y in range(frame.shape[0]):
        for x in range(frame.shape[1]):
            ratio = disagreement[y, x] / scale
            part = largest * (np.float32(1) - np.float32(1) / (np.float32(1) + ratio * ratio))
            for channel in range(frame.shape[2]):
                first = image0[y, x, channel]
                plain = first + tau * (image1[y, x, channel] - first)
                frame[y, x, channel] += part * (plain - frame[y, x, channel])

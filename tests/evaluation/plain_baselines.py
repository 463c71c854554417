"""The four baselines and their figures in plain NumPy and SciPy, float64: nothing of evfi is imported.

Optical flow (OpenCV's DIS) and events are given; everything made from them is written out here.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

LOG_EPS = 0.01
LUMA = np.array([0.299, 0.587, 0.114])


def psnr(frame: np.ndarray, target: np.ndarray) -> float:
    """dB of the clamped frame in [0, 1] against a uint8 target."""
    return float(-10 * np.log10(np.mean((np.clip(frame, 0, 1) - target / 255) ** 2)))


def mean_absolute(frame: np.ndarray, target: np.ndarray) -> float:
    """In 8-bit levels, after rounding."""
    return float(np.abs(np.rint(np.clip(frame, 0, 1) * 255) - target).mean())


def copy(frame0: np.ndarray) -> np.ndarray:
    return frame0 / 255


def blend(frame0: np.ndarray, frame1: np.ndarray, tau: float) -> np.ndarray:
    return ((1 - tau) * frame0 + tau * frame1) / 255


def counts(
    columns: dict[str, np.ndarray], start: int, end: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """ON and OFF events of each pixel in [start, end)."""
    inside = (columns["t"] >= start) & (columns["t"] < end)
    pixel = columns["y"].astype(int) * shape[1] + columns["x"]
    return tuple(
        np.bincount(pixel[inside & (columns["p"] == on)], minlength=shape[0] * shape[1]).reshape(shape)
        for on in (True, False)
    )


def integration(frame0: np.ndarray, frame1: np.ndarray, columns: dict, times: tuple[int, int, int]) -> np.ndarray:
    """The left frame times exp(C+ N+ - C- N-), C by least squares on both frames and all events between them."""
    start, now, end = times
    shape = frame0.shape[:2]
    log0, log1 = (np.log(frame / 255 @ LUMA + LOG_EPS) for frame in (frame0, frame1))
    on, off = counts(columns, start, end, shape)
    hit = (on + off) > 0
    system = np.stack([on[hit], -off[hit]], axis=1).astype(float)
    (positive, negative), *_ = np.linalg.lstsq(system, (log1 - log0)[hit], rcond=None)
    on, off = counts(columns, start, now, shape)
    gain = np.exp(positive * on - negative * off)[..., None]
    return np.clip((frame0 / 255 + LOG_EPS) * gain - LOG_EPS, 0, 1)


def flow_frame(
    frame0: np.ndarray, frame1: np.ndarray, flow01: np.ndarray, flow10: np.ndarray, tau: float, hedge: float = 0.35
) -> np.ndarray:
    """Interpolation by flow: carried to tau from both sides, holes filled, sampled, blended by visibility, hedged."""
    image0, image1 = frame0.astype(float), frame1.astype(float)
    smooth0, smooth1 = (gaussian_filter(image @ LUMA, 1.0, mode="mirror", truncate=4) for image in (image0, image1))
    sums = splatted(flow01, trust(flow01, flow10, smooth0, smooth1), tau, 1.0, 1 - tau)
    sums += splatted(flow10, trust(flow10, flow01, smooth1, smooth0), 1 - tau, -1.0, tau)
    filled(sums)
    move = sums[..., :2] / sums[..., 2:]
    y, x = np.mgrid[: sums.shape[0], : sums.shape[1]].astype(float)
    samples, weights = [], []
    for image, flow, part, sign, near in ((image0, flow01, -tau, 1, 1 - tau), (image1, flow10, 1 - tau, -1, tau)):
        to_x, to_y = x + part * move[..., 0], y + part * move[..., 1]
        samples.append(cubic(image, to_x, to_y))
        weights.append(near * visibility(sign * flow, to_x, to_y, move))
    share = (weights[1] / (weights[0] + weights[1]))[..., None]
    found = np.clip(samples[0] + share * (samples[1] - samples[0]), 0, 255)
    doubt = 4 * share[..., 0] * (1 - share[..., 0]) * np.abs(samples[0] - samples[1]).mean(axis=2)
    ratio = gaussian_filter(doubt, 2.0, mode="mirror", truncate=4) / 15
    part = (hedge * (1 - 1 / (1 + ratio**2)))[..., None]
    plain = image0 + tau * (image1 - image0)
    return (found + part * (plain - found)) / 255


def outside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    height, width = x.shape
    return (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)


def linear(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return map_coordinates(plane.astype(float), [y, x], order=1, mode="nearest")


def trust(flow: np.ndarray, back: np.ndarray, gray: np.ndarray, other: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: gray.shape[0], : gray.shape[1]].astype(float)
    to_x, to_y = x + flow[..., 0], y + flow[..., 1]
    error = sum((linear(back[..., k], to_x, to_y) + flow[..., k]) ** 2 for k in range(2))
    found = np.exp(-(error + np.abs(linear(other, to_x, to_y) - gray) / 10))
    return np.where(outside(to_x, to_y), 1e-3, np.maximum(found, 1e-6))


def splatted(flow: np.ndarray, weight: np.ndarray, part: float, sign: float, factor: float) -> np.ndarray:
    """Sums (H, W, 3) of dx*w, dy*w, w, spread bilinearly; what leaves the image is dropped."""
    height, width = weight.shape
    y, x = np.mgrid[:height, :width].astype(float)
    to_x, to_y = x + part * flow[..., 0] + 1, y + part * flow[..., 1] + 1
    within = (to_x >= 0) & (to_x < width + 1) & (to_y >= 0) & (to_y < height + 1)
    to_x, to_y, base = to_x[within], to_y[within], factor * weight[within]
    left, top = to_x.astype(int), to_y.astype(int)
    a, b = to_x - left, to_y - top
    values = [sign * flow[..., 0][within], sign * flow[..., 1][within], np.ones(len(base))]
    sums = np.zeros(((height + 2) * (width + 2), 3))
    for down, right, share in ((0, 0, (1 - a) * (1 - b)), (0, 1, a * (1 - b)), (1, 0, (1 - a) * b), (1, 1, a * b)):
        cell = (top + down) * (width + 2) + left + right
        for k, value in enumerate(values):
            sums[:, k] += np.bincount(cell, base * share * value, minlength=len(sums))
    return sums.reshape(height + 2, width + 2, 3)[1:-1, 1:-1]


def filled(sums: np.ndarray) -> None:
    """Cells with a weight below 1e-7 take the motion of a level of half the size, which is filled first."""
    holes = sums[..., 2] < 1e-7
    if not holes.any():
        return
    coarse = np.zeros((*sums.shape[:2], 2))
    if min(sums.shape[:2]) > 1:
        half = halved(halved(sums).transpose(1, 0, 2)).transpose(1, 0, 2)
        filled(half)
        coarse = enlarged(half[..., :2] / half[..., 2:], sums.shape[:2])
    share = sums[holes, 2:] / 1e-7
    own = np.divide(sums[holes, :2], sums[holes, 2:], out=np.zeros((holes.sum(), 2)), where=sums[holes, 2:] > 0)
    sums[holes, :2] = share * own + (1 - share) * coarse[holes]
    sums[holes, 2] = 1


def halved(rows: np.ndarray) -> np.ndarray:
    """Half as many rows (rounded up), each the mean over the stretch that it covers."""
    size, count = len(rows), (len(rows) + 1) // 2
    edges = np.arange(count + 1) * size / count
    whole = np.arange(size)
    cover = np.clip(np.minimum(edges[1:, None], whole + 1) - np.maximum(edges[:-1, None], whole), 0, None)
    return np.tensordot(cover / cover.sum(axis=1, keepdims=True), rows, axes=1)


def enlarged(motion: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    y, x = ((np.arange(size) + 0.5) * small / size - 0.5 for size, small in zip(shape, motion.shape[:2], strict=True))
    grid = np.meshgrid(x, y)
    return np.stack([linear(motion[..., k], grid[0], grid[1]) for k in range(2)], axis=-1)


def visibility(found: np.ndarray, to_x: np.ndarray, to_y: np.ndarray, move: np.ndarray) -> np.ndarray:
    height, width = to_x.shape
    column, row = (np.clip(to + 0.5, 0, size - 1).astype(int) for to, size in ((to_x, width), (to_y, height)))
    error = ((found[row, column] - move) ** 2).sum(axis=2)
    scale = 1 + 0.02 * (move**2).sum(axis=2)
    return np.where(outside(to_x, to_y), 1e-3, 0.3 + (scale / (scale + error)) ** 2)


def cubic(image: np.ndarray, to_x: np.ndarray, to_y: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -0.75 at positions rounded to 1/32 pixel (as OpenCV's), the edge repeated."""
    height, width = to_x.shape
    fine_x, fine_y = np.rint(to_x * 32) / 32, np.rint(to_y * 32) / 32
    left, top = np.floor(fine_x).astype(int), np.floor(fine_y).astype(int)
    result = np.zeros_like(image)
    for j in range(-1, 3):
        row = np.clip(top + j, 0, height - 1)
        for i in range(-1, 3):
            weight = keys(fine_x - left - i) * keys(fine_y - top - j)
            result += weight[..., None] * image[row, np.clip(left + i, 0, width - 1)]
    return result


def keys(distance: np.ndarray, a: float = -0.75) -> np.ndarray:
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))

"""One scene for training, as a pure function of its seed: what it shows, how it moves, when its frames are taken."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.demo.scene import Scene, camera_reach
from evfi.demo.textures import TEXELS_PER_PIXEL, Texture, background_texture
from evfi.provenance import item_seed
from evfi.scenes.masks import draw_mask
from evfi.scenes.motion import Span, draw_camera, draw_layer_path, draw_light, still_camera
from evfi.scenes.options import SceneOptions
from evfi.scenes.pictures import draw_picture
from evfi.types import SensorSize

Rng = np.random.Generator
_MARGIN_PX = 4
_LONGEST_EXPOSURE = 0.9
_OUTSIDE_PX = 8


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """Everything a scene follows from. split: train, validation or test, each with photographs of its own."""

    scene_id: str
    split: str
    seed: int
    options: SceneOptions

    @classmethod
    def numbered(cls, seed: int, split: str, number: int, options: SceneOptions) -> "SceneSpec":
        """The scene of that number of a data set; it depends on no other one."""
        scene_id = f"{split}/{number:06d}"
        return cls(scene_id, split, item_seed(seed, "scene", scene_id), options)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a scene is looked at; microseconds.

    A frame interval has `steps` moments `step_us` apart. A frame is the mean of the 2 * `half_exposure` + 1 moments
    around its time.
    """

    frames: int
    steps: int
    step_us: int
    half_exposure: int

    @property
    def frame_us(self) -> NDArray[np.int64]:
        """Mid-exposure times int64 (frames,), from 0."""
        return np.arange(self.frames, dtype=np.int64) * (self.steps * self.step_us)

    @property
    def moment_us(self) -> NDArray[np.int64]:
        """Times of all moments, those before the first frame's time and after the last one's included."""
        last = (self.frames - 1) * self.steps + self.half_exposure
        return np.arange(-self.half_exposure, last + 1, dtype=np.int64) * self.step_us


def drawn_scene(spec: SceneSpec) -> tuple[Scene, Timing, int]:
    """The scene, its timing, and the scene's own time (µs) of its first frame."""
    rng, options = np.random.default_rng(spec.seed), spec.options
    sizes = options.sizes if spec.split == "train" else options.measured_sizes
    height, width = sizes[rng.integers(len(sizes))]
    size, channels = SensorSize(height=height, width=width), 1 if rng.random() < options.gray_share else 3
    interval_us = int(_log_uniform(rng, options.interval_us))
    duration_us = (options.frames + 1) * interval_us
    scene = _composed(rng, spec, size, channels, duration_us, interval_us)
    seen_us = interval_us * np.arange(1, options.frames + 1, dtype=np.float64)
    steps = int(np.clip(np.ceil(most_motion(scene, seen_us)), 2, options.max_steps))
    half_exposure = int(rng.uniform(0, _LONGEST_EXPOSURE) * steps / 2)
    return scene, Timing(options.frames, steps, max(1, interval_us // steps), half_exposure), interval_us


def most_motion(scene: Scene, t_us: NDArray[np.float64]) -> float:
    """The longest way in pixels that a point in sight goes between neighbouring ones of these times."""
    size = scene.sensor_size
    screen = np.linalg.inv(scene.texture_from_screen(t_us))  # (T, layers, 3, 3): texel to pixel
    most = 0.0
    for layer, texture in enumerate([scene.background, *scene.sprites]):
        rows, columns = texture.shape[:2]
        grid = np.stack([axis.ravel() for axis in np.meshgrid(np.linspace(0, columns, 9), np.linspace(0, rows, 9))])
        places = screen[:, layer] @ np.vstack([grid, np.ones(grid.shape[1])])
        x, y = places[:, 0] / places[:, 2], places[:, 1] / places[:, 2]
        inside = (np.abs(x - size.width / 2) < size.width / 2 + _OUTSIDE_PX) & (
            np.abs(y - size.height / 2) < size.height / 2 + _OUTSIDE_PX
        )
        way = np.hypot(np.diff(x, axis=0), np.diff(y, axis=0))
        most = max(most, float(way[inside[1:] & inside[:-1]].max(initial=0)))
    return most


def _composed(rng: Rng, spec: SceneSpec, size: SensorSize, channels: int, duration_us: int, interval_us: int) -> Scene:
    options, span = spec.options, Span.of_us(duration_us)
    intervals_a_second = (options.frames + 1) / span.seconds
    still = rng.random() < options.still_camera_share
    camera_speed = _log_uniform(rng, options.camera_px) * intervals_a_second
    camera = still_camera() if still else draw_camera(rng, camera_speed, size, span)
    # Scenes for measuring always show a held-out photograph behind everything.
    plain = spec.split == "train" and rng.random() < options.procedural_share
    picture, name = draw_picture(rng, spec.split, channels, plain)
    half_width, half_height = camera_reach(camera, size, duration_us)
    background = _surface(rng, picture, half_width, half_height)
    layers = int(rng.integers(options.layers[0], options.layers[1] + 1))
    reaches = np.exp(rng.uniform(np.log(0.1), np.log(0.55), layers)) * size.height
    side = 2 * int(np.ceil((reaches.max() + _MARGIN_PX) * TEXELS_PER_PIXEL))
    sprites, paths, names = [], [], [name]
    for reach in reaches:
        texture, shown = _layer(rng, spec, channels, float(reach), side)
        speed = _log_uniform(rng, options.layer_px) * intervals_a_second
        sprites.append(texture)
        paths.append(draw_layer_path(rng, speed, size, float(reach), span))
        names.append(shown)
    return Scene(
        sensor_size=size,
        duration_us=duration_us,
        background=background,
        sprites=np.stack(sprites),
        camera=camera,
        paths=tuple(paths),
        light=draw_light(rng, span, rng.random() < options.steady_light_share),
        photographs=tuple(names),
    )


def _surface(rng: Rng, picture: Texture, half_width: float, half_height: float) -> Texture:
    """A part of a picture, somewhere in it, at 0.9 to 3.2 picture pixels a screen pixel; mirrored at its ends."""
    height, width = picture.shape[:2]
    centre = rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.8) * height
    return background_texture(picture, _log_uniform(rng, (0.9, 3.2)), centre, half_width, half_height)


def _layer(rng: Rng, spec: SceneSpec, channels: int, reach: float, side: int) -> tuple[Texture, str]:
    """A layer's texture float32 (side, side, C + 1), colour times alpha and alpha, and what it shows."""
    picture, name = draw_picture(rng, spec.split, channels, rng.random() < spec.options.procedural_share)
    half = side / 2 / TEXELS_PER_PIXEL
    colour = _surface(rng, picture, half, half)[:side, :side]
    own = 2 * int(np.ceil((reach + _MARGIN_PX) * TEXELS_PER_PIXEL))
    first = (side - own) // 2
    alpha = np.zeros((side, side), np.float32)
    alpha[first : first + own, first : first + own] = draw_mask(rng, own)
    if rng.random() < spec.options.transparent_share:
        alpha *= np.float32(rng.uniform(0.25, 0.8))
    return np.dstack([colour * alpha[..., None], alpha]).astype(np.float32), name


def _log_uniform(rng: Rng, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))

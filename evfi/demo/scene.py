"""A scene: a background plane before a moving camera, sprites that fly over it, and light that drifts.

`draw_scene` draws one from a seed; everything about it at any time follows exactly from its paths.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evfi.demo.drawing import Speeds, draw_camera, draw_light, draw_outline, draw_sprite_count, draw_sprite_path
from evfi.demo.paths import CameraPath, Light, SpritePath
from evfi.demo.textures import (
    BACKGROUNDS,
    PHOTOGRAPHS,
    TEXELS_PER_PIXEL,
    Texture,
    background_texture,
    photograph,
    sprite_texture,
)
from evfi.types import SensorSize
from evfi.units import US_PER_MS

# The background is looked up over this raster of times to know how large its texture must be; paths are far slower.
_REACH_EVERY_US = 5 * US_PER_MS
_MARGIN_PX = 3
_MOST_DETAILED_OF = 6
_LEAST_PHOTO_PX_PER_PX = 0.9


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """All that `render` and `exact_flow` need; layer 0 is the background, sprites follow from far to near.

    background: float32 (H, W, C). sprites: float32 (N, S, S, C + 1), colour times alpha, then alpha.
    """

    sensor_size: SensorSize
    duration_us: int
    background: Texture
    sprites: Texture
    camera: CameraPath
    paths: tuple[SpritePath, ...]
    light: Light
    photographs: tuple[str, ...]

    def texture_from_screen(self, t_us: ArrayLike) -> NDArray[np.float64]:
        """Homographies (T, 1 + N, 3, 3) from pixel indices (x, y, 1) to texel indices of each layer, at (T,) µs."""
        times = np.atleast_1d(np.asarray(t_us, np.float64))
        size = self.sensor_size
        centred = _shift(-(size.width - 1) / 2, -(size.height - 1) / 2)
        own_pixels = [self.camera.world_from_screen(times)]
        own_pixels += [np.linalg.inv(path.screen_from_sprite(times)) for path in self.paths]
        textures = [self.background, *self.sprites]
        layers = [_texels(texture) @ maps @ centred for texture, maps in zip(textures, own_pixels, strict=True)]
        return np.stack(layers, axis=1)


def draw_scene(
    *,
    seed: int,
    split: str,
    sensor_size: SensorSize,
    duration_us: int,
    frames_per_second: float,
    gray: bool,
    background: str | None = None,
) -> Scene:
    """Draw a scene from a split's photographs.

    Args:
        seed: any integer >= 0; equal arguments give equal scenes.
        split: "train" or "test".
        sensor_size: of the rendered pictures.
        duration_us: the camera never leaves its texture in [0, duration_us].
        frames_per_second: motion is drawn in pixels per frame interval at this rate.
        gray: one channel instead of three.
        background: a photograph's name; drawn where None.
    """
    rng = np.random.default_rng(seed)
    speeds = Speeds.drawn(rng, sensor_size, frames_per_second)
    name = background or str(rng.choice(BACKGROUNDS[split]))
    others = [other for other in PHOTOGRAPHS[split] if other != name]
    count = draw_sprite_count(rng, sensor_size)
    names = tuple(str(pick) for pick in rng.permutation(np.resize(rng.permutation(others), count)))
    camera = draw_camera(rng, sensor_size, speeds)
    paths = tuple(draw_sprite_path(rng, sensor_size, speeds, k, count) for k in range(count))
    return Scene(
        sensor_size=sensor_size,
        duration_us=duration_us,
        background=_draw_background(rng, photograph(name, gray), camera, sensor_size, duration_us),
        sprites=_draw_sprites(rng, [photograph(pick, gray) for pick in names], sensor_size),
        camera=camera,
        paths=paths,
        light=draw_light(rng),
        photographs=(name, *names),
    )


def _draw_background(
    rng: np.random.Generator, picture: Texture, camera: CameraPath, sensor_size: SensorSize, duration_us: int
) -> Texture:
    half_width, half_height = camera_reach(camera, sensor_size, duration_us)
    height, width = picture.shape[:2]
    # The largest scale at which the photograph still holds all that the camera will see; a part of it, if not blurred.
    whole = min(width / (2 * half_width), height / (2 * half_height))
    scale = max(whole * rng.uniform(0.5, 0.85), min(whole, _LEAST_PHOTO_PX_PER_PX))
    spare_x = max(0.0, width / 2 - half_width * scale)
    spare_y = max(0.0, height / 2 - half_height * scale)
    centre = (
        (width - 1) / 2 + spare_x * rng.uniform(-1, 1),
        (height - 1) / 2 + spare_y * rng.uniform(-1, 1),
    )
    return background_texture(_tinted(rng, picture), scale, centre, half_width, half_height)


def _draw_sprites(rng: np.random.Generator, pictures: list[Texture], sensor_size: SensorSize) -> Texture:
    outlines = [draw_outline(rng, sensor_size) for _ in pictures]
    reach = max(outline.reach_px() for outline in outlines) + _MARGIN_PX
    side = 2 * int(np.ceil(reach * TEXELS_PER_PIXEL))
    textures = []
    for picture, outline in zip(pictures, outlines, strict=True):
        height, width = picture.shape[:2]
        # The cut-out's circle takes a third to two thirds of the photograph's shorter side.
        scale = min(height, width) * rng.uniform(0.35, 0.6) / (2 * outline.reach_px())
        centre = _detailed_place(rng, picture, outline.reach_px() * scale)
        textures.append(sprite_texture(_tinted(rng, picture), scale, centre, outline, side))
    return np.stack(textures)


def _detailed_place(rng: np.random.Generator, picture: Texture, reach: float) -> tuple[float, float]:
    """Of some random places the one whose surroundings vary most: a sprite without texture shows no motion."""
    height, width = picture.shape[:2]
    best, most = (0.0, 0.0), -1.0
    for _ in range(_MOST_DETAILED_OF):
        x, y = rng.uniform(reach, width - 1 - reach), rng.uniform(reach, height - 1 - reach)
        patch = picture[int(y - reach) : int(y + reach) + 1, int(x - reach) : int(x + reach) + 1]
        spread = float(patch[..., picture.shape[2] // 2].std())
        if spread > most:
            best, most = (x, y), spread
    return best


def _tinted(rng: np.random.Generator, picture: Texture) -> Texture:
    """Black-and-white photographs get a mild colour cast, so that layers differ in colour as well."""
    cast = rng.uniform(0.8, 1.0, 3)
    if picture.shape[2] == 1 or not np.array_equal(picture[..., 0], picture[..., 1]):
        return picture
    return (picture * (cast / cast.max())).astype(np.float32)


def camera_reach(camera: CameraPath, sensor_size: SensorSize, duration_us: int) -> tuple[float, float]:
    """How far from the world's origin the picture's corners get, in world pixels along x and y."""
    half_width, half_height = (sensor_size.width - 1) / 2, (sensor_size.height - 1) / 2
    corners = np.array([[x, y, 1] for x in (-half_width, half_width) for y in (-half_height, half_height)])
    times = np.arange(0, duration_us + _REACH_EVERY_US, _REACH_EVERY_US)
    seen = camera.world_from_screen(times) @ corners.T
    reach = np.abs(seen[:, :2] / seen[:, 2:]).max(axis=(0, 2))
    return float(reach[0]) + _MARGIN_PX, float(reach[1]) + _MARGIN_PX


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def _texels(texture: Texture) -> NDArray[np.float64]:
    """From a layer's own pixels (origin in its centre) to texel indices."""
    rows, columns = texture.shape[:2]
    return _shift((columns - 1) / 2, (rows - 1) / 2) @ np.diag([TEXELS_PER_PIXEL, TEXELS_PER_PIXEL, 1.0])

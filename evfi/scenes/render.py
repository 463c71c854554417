"""A scene's frames and the moments between them, from which its events are simulated."""

import numpy as np

from evfi.demo.render import render_moments, to_uint8
from evfi.io.scenes import WHITE, SceneFrames
from evfi.scenes.scene import SceneSpec, drawn_scene

_REC_601 = np.array([0.299, 0.587, 0.114], np.float32)


def rendered(spec: SceneSpec) -> SceneFrames:
    """Render a scene: its frames with their motion blur, and all moments from the first frame to the last."""
    scene, timing, first_us = drawn_scene(spec)
    moment_us, half = timing.moment_us, timing.half_exposure
    pictures = render_moments(scene, (first_us + moment_us).astype(np.float64))
    starts = np.arange(timing.frames) * timing.steps
    frames = np.stack([to_uint8(pictures[start : start + 2 * half + 1].mean(axis=0)) for start in starts])
    luminance = pictures[..., 0] if pictures.shape[3] == 1 else pictures @ _REC_601
    inner = slice(half, len(moment_us) - half)
    return SceneFrames(
        scene_id=spec.scene_id,
        seed=spec.seed,
        frames=frames,
        t_us=timing.frame_us,
        exposure_us=2 * half * timing.step_us,
        moments=np.rint(np.clip(luminance[inner], 0, 1) * np.float32(WHITE)).astype(np.uint16),
        moment_us=moment_us[inner],
        shows=scene.photographs,
    )

"""Named settings of the simulator, with their sources. Fields that a preset leaves out keep the default."""

from typing import Any

_ESIM: dict[str, Any] = {"contrast_pos": 0.2, "contrast_neg": 0.2, "refractory_us": 0, "upsample": "none"}
# The law and eps are ours: v2e maps intensity linearly in the dark and logarithmically above (lin-log).
_V2E: dict[str, Any] = {
    "law": "esim_py",
    "contrast_pos": 0.2,
    "contrast_neg": 0.2,
    "refractory_us": 0,
    "log_eps": 1e-3,
    "upsample": "dis",
}
_E2VID_DRAW: dict[str, Any] = {"kind": "normal", "mean": 0.18, "sigma": 0.03, "low": 0.01}

PRESETS: dict[str, dict[str, Any]] = {
    # Kai et al., "EvTexture", ICML 2024: thresholds per clip, esim_py's law. The one for training; the fields' defaults
    # are its values.
    "evtexture": {},
    # Rebecq et al., "High Speed and High Dynamic Range Video with an Event Camera", TPAMI 2019: both thresholds from
    # N(0.18, 0.03), clipped above 0.01; the rest as in rpg_vid2e, with upsampling.
    "e2vid": {
        "law": "esim_py",
        "contrast_pos": _E2VID_DRAW,
        "contrast_neg": _E2VID_DRAW,
        "refractory_us": 0,
        "log_eps": 1e-3,
        "upsample": "dis",
    },
    # Gehrig et al., "Video to Events", CVPR 2020; rpg_vid2e/esim_py and its example: the simulator alone, on frames
    # that are dense enough.
    "esim_py": {**_ESIM, "law": "esim_py", "log_eps": 1e-3},
    # The same paper; rpg_vid2e/esim_torch and its script: the other law, and another eps.
    "esim_torch": {**_ESIM, "law": "esim_torch", "log_eps": 1e-5},
    # Hu et al., "v2e: From Video Frames to Realistic DVS Events", CVPR Workshops 2021; v2e's default options, and its
    # settings `clean` (a bright scene) and `noisy` (a dim one). Refractory time 0: both settings say so
    # (`set_dvs_params` in v2ecore/emulator.py), and the paper's release had no such option. Later releases have one, on
    # by default: v2ecore/v2e_args.py now gives 0.5 ms, leak jitter 0.1 and a spread of 0.1 decades. For those:
    # refractory_us=500, noise={"leak_jitter": 0.1, "leak_spread_decades": 0.1}.
    "v2e_default": {
        **_V2E,
        "noise": {"threshold_sigma": 0.03, "cutoff_hz": 300.0, "leak_rate_hz": 0.01, "shot_rate_hz": 0.001},
    },
    "v2e_clean": {**_V2E, "noise": {"threshold_sigma": 0.02}},
    "v2e_noisy": {
        **_V2E,
        "noise": {
            "threshold_sigma": 0.05,
            "cutoff_hz": 30.0,
            "leak_rate_hz": 0.1,
            "leak_jitter": 0.1,
            "leak_spread_decades": 0.1,
            "shot_rate_hz": 5.0,
        },
    },
}

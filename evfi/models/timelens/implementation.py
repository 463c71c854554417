"""The torch side of TimeLens in one place (see evfi.models.implementation)."""

from evfi.models.timelens.inputs import collate, prepare
from evfi.models.timelens.network import build
from evfi.models.timelens.objective import objective
from evfi.models.timelens.predict import predict

__all__ = ["build", "collate", "objective", "predict", "prepare"]

"""The torch side of WEVI in one place (see evfi.models.implementation)."""

from evfi.models.wevi.inputs import collate, prepare
from evfi.models.wevi.network import build
from evfi.models.wevi.objective import objective
from evfi.models.wevi.predict import predict

__all__ = ["build", "collate", "objective", "predict", "prepare"]

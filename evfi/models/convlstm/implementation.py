"""The torch side of the ConvLSTM family in one place (see evfi.models.implementation)."""

from evfi.models.convlstm.inputs import collate, prepare
from evfi.models.convlstm.network import build
from evfi.models.convlstm.objective import objective
from evfi.models.convlstm.predict import predict

__all__ = ["build", "collate", "objective", "predict", "prepare"]

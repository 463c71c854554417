"""iniVation's aedat4 files: Aedat4Reader and write_aedat4."""

from evfi.io.aedat4_reader import Aedat4Reader
from evfi.io.aedat4_writer import write_aedat4

__all__ = ["Aedat4Reader", "write_aedat4"]

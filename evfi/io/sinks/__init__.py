"""Files that events and frames are written to piece by piece: stores, aedat4, HDF5, npz, HS-ERGB folders, MP4."""

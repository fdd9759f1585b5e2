//! HDF5 files: groups, attributes, datasets, filters; reads and writes what Keras uses.

//! The native side of a face: folders as stores through memory maps, and all-or-nothing output.

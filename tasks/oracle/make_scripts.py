"""Writes the scripts of all code points, as TensorFlow's `UnicodeScript` has them, for the engine's own.

  PYTHON tasks/oracle/make_scripts.py      in the environment `keras3` of setup.sh
                                           writes crates/ops/src/scripts.bin

The file has one little-endian word of 32 bits per run of characters of one script: the first character times 256,
and the script's number.
"""
import pathlib

import numpy as np
import tensorflow as tf

N_CODES = 0x110000
PATH = pathlib.Path(__file__).resolve().parents[2] / "crates" / "ops" / "src" / "scripts.bin"

scripts = tf.raw_ops.UnicodeScript(input=np.arange(N_CODES, dtype="int32")).numpy()
starts = np.concatenate([[0], np.flatnonzero(np.diff(scripts)) + 1])
PATH.write_bytes((starts.astype("<u4") * 256 + scripts[starts].astype("<u4")).astype("<u4").tobytes())
print(len(starts), "runs:", PATH)

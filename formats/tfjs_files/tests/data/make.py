"""Makes quantization.json and fnmatch.json beside it, with tensorflowjs 4.22 on NumPy 2.

python3 make.py
"""

import fnmatch
import json
import random

import numpy as np
from tensorflowjs import quantization

assert np.__version__.startswith("2."), np.__version__

rng = np.random.default_rng(7)
tiny = np.float32(1e-45)
arrays = [
    [0, 1, 2], [0.5], [-0.0], [0.0, 0.0], [-3, -3, -3], [1, 2, 3], [-1, -2, -3.5], [0, 5], [-5, 0],
    [-3e38, 3e38], [3e38, 3.2e38, 0], [tiny, 3 * tiny, 250 * tiny], [-tiny, tiny],
    [1e-30, 1e30], [1, 1 + 2 ** -23], [-1, 1], [0.5, 1.5, 2.5, 255], np.arange(0, 511, 5) / 2,
    rng.normal(0, 0.05, 100), rng.normal(3, 1e-3, 50), rng.uniform(-1, 7, 100),
    -rng.exponential(2, 50), rng.standard_cauchy(50),
]
cases = []
for array in arrays:
    data = np.asarray(array, np.float32)
    for dtype in (np.uint8, np.uint16):
        codes, extra = quantization.quantize_weights(data, dtype)
        loaded = (codes.astype(np.float64) * extra["scale"] + extra["min"]).astype(np.float32)
        error = loaded.astype(np.float64) - data.astype(np.float64)
        cases.append({
            "bits": data.view(np.uint32).tolist(), "dtype": np.dtype(dtype).name,
            "min": float(extra["min"]), "scale": float(extra["scale"]), "codes": codes.tolist(),
            "max_abs": float(np.abs(error).max()), "rms": float(np.sqrt((error ** 2).mean())),
        })
with open("quantization.json", "w", newline="") as file:
    file.write("[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]\n")

dice = random.Random(5)
rows = []
while len(rows) < 600:
    pattern = "".join(dice.choice("ab-]![[*?c") for _ in range(dice.randrange(8)))
    name = "".join(dice.choice("abc-]![") for _ in range(dice.randrange(5)))
    matches = fnmatch.fnmatchcase(name, pattern)
    if matches or dice.random() < 0.05:  # most do not match
        rows.append([name, pattern, matches])
with open("fnmatch.json", "w", newline="") as file:
    json.dump(rows, file, separators=(",", ":"))

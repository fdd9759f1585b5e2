"""Makes the files beside it with Python's own json module: python3 make.py

floats.json: what json.dumps writes for floats of every kind.
raw.json, dumped.json: the same values, once with characters as they are and compact, once as
json.dumps writes them by default.
"""

import json
import math
import random
import struct

rng = random.Random(20240817)


def bits(n):
    return struct.unpack("<d", struct.pack("<Q", n))[0]


floats = [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e22, 1e23, 5e-324, 2.2250738585072014e-308,
          1.7976931348623157e308, 9007199254740993.0, -1113178120592002.25, 1e15, 1e16, 1e17,
          123456789012345680.0, 0.0001, 0.00001, 0.000123, 1.5e-5, 1e-7, 4.35, 100.0, 255.0]
floats += [10.0 ** e for e in range(-30, 31)]
floats += [2.0 ** e for e in range(-1074, 1024, 13)]
while len(floats) < 3000:
    kind = len(floats) % 5
    if kind == 0:
        value = bits(rng.getrandbits(64))
    elif kind == 1:
        value = rng.gauss(0, 1)
    elif kind == 2:
        value = struct.unpack("<f", struct.pack("<f", rng.gauss(0, 0.05)))[0]
    elif kind == 3:
        value = float(rng.randrange(10 ** rng.randrange(1, 20)))
    else:
        value = round(rng.uniform(-1000, 1000), rng.randrange(6))
    if math.isfinite(value):
        floats.append(value)

text = {
    "plain": "abc ~", "quotes": "\"\\/", "control": "".join(map(chr, range(0x20))) + "\x7f\x80",
    "latin": "é ü ß", "wide": "日本語", "astral": "😀 \U0010ffff", "line": "\u2028\u2029\ufeff",
    "ключ": {"": None, "a.b": [[], {}, [[]], {"x": []}]},
    "ints": [0, -1, 2 ** 31, -2 ** 63, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1],
    "mixed": [1, 1.0, True, False, None, -0.0, "1"],
    "nested": [[[[[[{"deep": [[[{"er": 1e-5}]]]}]]]]]],
}

with open("floats.json", "w", encoding="ascii", newline="") as file:
    json.dump(floats, file)
with open("raw.json", "w", encoding="utf-8", newline="") as file:
    json.dump(text, file, ensure_ascii=False, separators=(",", ":"))
with open("dumped.json", "w", encoding="ascii", newline="") as file:
    json.dump(text, file)

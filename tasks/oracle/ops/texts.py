"""Ops on strings."""
import numpy as np

from record_ops import Cases

cases = Cases()
INDEX = ["int32", "int64"]
WORDS = [b"", b"a", b"Hello, World!", "Äpfel und Öl".encode(), b"  spaced  out ", b"a,b,,c", b"tab\tand\nline",
         "日本語 text".encode(), b"12ab34", b"\xff\xfe broken", b"x" * 40, b"y" * 70, b"The quick (brown) fox.",
         "ΑΣ ΣΑΣ ß ﬁ İ".encode(), b"...---...", b"key=value; k2=v2"]


def words(r, shape, pool=WORDS):
  return np.array([pool[r.int(0, len(pool) - 1)] for _ in range(int(np.prod(shape)))], object).reshape(shape)


def ints(all, dtype="int32"):
  return np.array(all, dtype)


def text(s):
  return np.array(s, object)


@cases.op("StringLower", "StringUpper", n=14)
def _(r):
  return dict(input=words(r, r.shape()), encoding=r.pick(["", "utf-8"]))


@cases.op("StringStrip", n=12)
def _(r):
  return dict(input=words(r, r.pick([[5], [2, 3], []]), [b" a ", b"\t b\r\n", b"c", b"", b"   ", b"\x0b d \x0c", " é ".encode()]))


@cases.op("StringLength", n=14)
def _(r):
  return dict(input=words(r, r.shape()), unit=r.pick(["BYTE", "UTF8_CHAR"]))


@cases.op("Substr", n=24)
def _(r):
  dtype = r.pick(INDEX)
  unit = r.any(["BYTE", "UTF8_CHAR"])
  pool = [b"thirteen", b"abcdef", "äöüäöü".encode(), "日本語text".encode()]
  shape = r.pick([[4], [2, 3], [], [1]])
  at = r.pick([[], shape])
  return dict(input=words(r, shape, pool), pos=r.numbers(dtype, at, -5, 5), len=r.numbers(dtype, at, 0, 9), unit=unit)


@cases.op("Substr", n=8)
def _(r):
  """Negative lengths."""
  unit = r.any(["BYTE", "UTF8_CHAR"])
  pos = r.numbers("int32", [3], -5 if unit == "BYTE" else 0, 5)
  return dict(input=words(r, [3], [b"thirteen", "äöüäöü".encode()]), pos=pos, len=r.numbers("int32", [3], -9, -1), unit=unit)


@cases.op("Substr", n=2)
def _(r):
  return dict(input=text([b"abc"]), pos=ints(r.pick([4, -4])), len=ints(1), unit="BYTE", _error=True)


@cases.op("StringJoin", n=14)
def _(r):
  shape = r.shape()
  n = r.int(1, 4)
  return dict(inputs=[words(r, r.any([shape, []]) if i else shape) for i in range(n)], separator=r.pick(["", ", ", "é"]))


@cases.op("StringToNumber", n=24)
def _(r):
  kind = r.pick(["float32", "float64", "int32", "int64"])
  whole = [b"0", b"-7", b"42", b" 13 ", b"2147483647", b"-2147483648", b"007", b"+5"]
  real = whole + [b"1.5", b"-2.5e-3", b"1e30", b"inf", b"-Infinity", b"nan", b".5", b"3.", b"+4", b"0.1", b"16777217", b"1e-45", b"3.4028236e38"]
  return dict(string_tensor=words(r, r.shape(1, 3, 6), whole if kind.startswith("int") else real), out_type=kind)


@cases.op("StringToNumber", n=8)
def _(r):
  bad = [b"", b"a", b"1.5", b"2147483648", b"+-5", b"1 2", b"0x", b"--1"]
  return dict(string_tensor=text([r.pick(bad)]), out_type="int32", _error=True)


@cases.op("AsString", n=60)
def _(r):
  dtype = r.pick(["float32", "float64", "int32", "int64", "bool", "uint8", "complex64", "int8"])
  real = dtype.startswith(("float", "complex"))
  x = r.wide(dtype, [5]) if r.flag() else r.numbers(dtype, [2, 3], -99, 99)
  how = r.any([{}, {"scientific": True}, {"shortest": True}]) if real else {}
  if real:
    how["precision"] = r.any([-1, 0, 2, 9])
  # NaN has a sign that depends on the machine.
  if real and dtype != "complex64":
    x = np.where(np.isnan(x), 1.5, x).astype(dtype)
  if dtype != "bool":
    how["fill"], how["width"] = r.any([("", -1), ("", 12), ("0", 12), (" ", 3), ("-", 14), ("+", 9)])
  return dict(input=x, **how)


@cases.op("StringFormat", n=20)
def _(r):
  dtype = r.pick(["float32", "int32", "float64", "int64", "bool"])
  x = r.numbers(dtype, r.shape(r.int(0, 3), 1, 7), -99, 99)
  more = [words(r, [2], [b"a", b"b'c\""])] if r.flag() else []
  template = "x is {}" + " and {}" * len(more) + "!"
  return dict(inputs=[x] + more, template=template, placeholder="{}", summarize=r.pick([3, 1, -1, 2]))


@cases.op("EncodeBase64", n=12)
def _(r):
  return dict(input=words(r, r.shape()), pad=r.flag())


@cases.op("DecodeBase64", n=12)
def _(r):
  return dict(input=words(r, r.shape(), [b"", b"YQ", b"YQ==", b"YWI", b"YWI=", b"YWJj", b"_-8", b"aGVsbG8gd29ybGQ"]))


@cases.op("DecodeBase64", n=3)
def _(r):
  return dict(input=text([r.pick([b"a", b"a+b/", b"YQ=a"])]), _error=True)


def hash_cases(name, input_name, more):
  @cases.op(name, n=14)
  def _(r):
    pool = [bytes(r.random.bytes(r.int(0, 40) * (1 + 4 * (i % 3)))) for i in range(6)]
    shape = r.pick([[6], [2, 3], []])
    return {input_name: words(r, shape, pool), "num_buckets": r.pick([(1 << 63) - 1, 1000, 1, 7]), **more(r)}


hash_cases("StringToHashBucketFast", "input", lambda r: {})
hash_cases("StringToHashBucket", "string_tensor", lambda r: {})
hash_cases("StringToHashBucketStrong", "input", lambda r: {"key": [r.int(-9, 9) * 12345678901, r.int(-9, 9)]})



@cases.op("Fingerprint", n=16)
def _(r):
  shape = r.pick([[3], [2, 3], [1, 2, 2], [0, 2]])
  if r.i % 3 == 0:
    data = np.array(["".join(chr(97 + r.int(0, 25)) for _ in range(r.int(0, 70))) for _ in range(int(np.prod(shape)))], object).reshape(shape)
  else:
    data = r.numbers(r.any(["uint8", "int32", "float32", "int64", "float64"]), shape, 0, 99)
  return dict(data=data, method=np.array("farmhash64"))


@cases.op("UnicodeScript", n=14)
def _(r):
  top = r.pick([0x250, 0x3100, 0x10000, 0x110000])
  return dict(input=np.array([r.int(0, top - 1) for _ in range(r.int(1, 40))] + [-1, 0x110000, 0xd800], "int32").reshape(r.any([[-1], [1, -1]])))


PATTERNS = [(r"[!\"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']", ""), (r"\d+", "<\\0>"), (r"(\w+) (\w+)", r"\2 \1"),
            (r"[^a-z]", "_"), (r"a*", "x"), (r"\s+", " "), (r"(?i)HELLO", "bye"), (r"[[:punct:]]", ""), (r"\b", "|"),
            (r"(a)|(b)", r"[\1\2]"), (r"^", ">"), (r"$", "<"), (r"\pL", "L"), (r".", "."), (r"\\", r"\\"), (r"x{2,3}", "X"),
            (r"[\[\]&&~-]", "#"), (r"\W", "w"), (r"\Q.\E", "dot"), (r"(?s).+", "all"), (r"\p{Greek}+", "G"), (r"[\d,]", "n")]


@cases.op("RegexReplace", n=48)
def _(r):
  pattern, rewrite = r.pick(PATTERNS)
  return dict(input=words(r, [4]), pattern=text(pattern), rewrite=text(rewrite), replace_global=r.i % 3 != 0)


@cases.op("StaticRegexReplace", n=48)
def _(r):
  pattern, rewrite = r.pick(PATTERNS)
  return dict(input=words(r, r.shape(r.int(0, 2))), pattern=pattern, rewrite=rewrite, replace_global=r.i % 3 != 1)


@cases.op("RegexReplace", n=3)
def _(r):
  pattern, rewrite = r.pick([("(", ""), ("[a", ""), ("(?=a)", "")])
  return dict(input=words(r, [2]), pattern=text(pattern), rewrite=text(rewrite), replace_global=True, _error=True)


@cases.op("RegexFullMatch", n=24)
def _(r):
  return dict(input=words(r, [6]), pattern=text(r.pick([".*", r"\w*", "a|a,b.*", r"[a-z ]+", r"\d+[a-z]+\d+", r"(?s).*", r"\pL*.*", r"x{40}"])))


@cases.op("StaticRegexFullMatch", n=24)
def _(r):
  return dict(input=words(r, [6]), pattern=r.pick([".*", r"\w*", "a|a,b.*", r"[a-z ]+", r"\d+[a-z]+\d+", r"(?s).*", r"\pL*.*", r"x{40}"]))


@cases.op("StringSplit", n=20)
def _(r):
  return dict(input=words(r, [r.int(0, 4)]), delimiter=text(r.pick([b" ", b"", b",", b", ;"])), skip_empty=r.flag())


@cases.op("StringSplitV2", n=24)
def _(r):
  return dict(input=words(r, [r.int(0, 4)]), sep=text(r.pick([b"", b" ", b",", b", "])), maxsplit=r.pick([-1, -1, 1, 2, 0]))


@cases.op("StringNGrams", n=30)
def _(r):
  lens = [r.int(0, 5) for _ in range(r.int(1, 4))]
  n = sum(lens)
  return dict(data=words(r, [n], [b"a", b"bb", b"ccc", b""]), data_splits=ints(np.cumsum([0] + lens), r.pick(INDEX)),
              separator=r.any([" ", "|"]), ngram_widths=r.pick([[2], [1, 2], [3], [5], [2, 4]]), left_pad=r.any(["", "<"]),
              right_pad=r.any(["", ">>"]), pad_width=r.any([-1, 0, 1, 2]), preserve_short_sequences=r.flag())


@cases.op("ReduceJoin", n=24)
def _(r):
  shape = r.shape(r.int(1, 3), 1, 3)
  axes = list(r.random.permutation(len(shape)))[:r.int(0, len(shape))]
  axes = [int(a) - (len(shape) if r.flag() else 0) for a in axes]
  return dict(inputs=words(r, shape, [b"a", b"b", b"cd", b""]), reduction_indices=ints(axes), keep_dims=r.flag(), separator=r.any(["", "-"]))


@cases.op("UnsortedSegmentJoin", n=16)
def _(r):
  rows = r.int(1, 5)
  inner = r.pick([[], [2], [2, 2]])
  return dict(inputs=words(r, [rows] + inner, [b"a", b"b", b"cd", b""]), segment_ids=r.numbers(r.pick(INDEX), [rows], 0, 2), num_segments=ints(3), separator=r.any(["", ":"]))


@cases.op("UnsortedSegmentJoin", n=2)
def _(r):
  return dict(inputs=text([b"a"]), segment_ids=ints([r.pick([-1, 3])]), num_segments=ints(3), _error=True)


ENCODED = [w for w in WORDS] + ["\U0001f600é".encode("utf-16-be"), "aé".encode("utf-32-be"), b"\xd8\x00a", b"\x01\x1f\x7f", b"caf\xe9", b"\xe2\x82", b"\xf0\x9f\x98\x80\xc0\x80"]


def policy(r, encoding):
  # TensorFlow loses characters before the one that it ignores in ASCII.
  return "replace" if encoding == "US-ASCII" else r.any(["replace", "ignore"])


@cases.op("UnicodeDecode", "UnicodeDecodeWithOffsets", n=30)
def _(r):
  encoding = r.pick(["UTF-8", "UTF-8", "UTF-16-BE", "UTF-32-BE", "ISO-8859-1", "US-ASCII"])
  return dict(input=words(r, [3], ENCODED), input_encoding=encoding, errors=policy(r, encoding), replacement_char=r.any([65533, 63]), replace_control_characters=r.flag())


@cases.op("UnicodeTranscode", n=36)
def _(r):
  encoding = r.pick(["UTF-8", "UTF-16-BE", "UTF-8", "ISO-8859-1", "US-ASCII"])
  return dict(input=words(r, r.shape(), ENCODED), input_encoding=encoding,
              output_encoding=r.any(["UTF-8", "UTF-16-BE", "UTF-32-BE"]), errors=policy(r, encoding),
              replacement_char=r.any([65533, 63]), replace_control_characters=r.flag())


@cases.op("UnicodeEncode", n=18)
def _(r):
  lens = [r.int(0, 4) for _ in range(3)]
  pool = [97, 233, 0x65e5, 0x1f600, 0x10ffff, 55296, -1, 0x110000]
  return dict(input_values=ints([pool[r.int(0, 7)] for _ in range(sum(lens))]), input_splits=ints(np.cumsum([0] + lens), r.any(INDEX)),
              output_encoding=r.pick(["UTF-8", "UTF-16-BE", "UTF-32-BE"]), errors=r.any(["replace", "ignore"]), replacement_char=r.any([65533, 63]))


@cases.op("CheckNumerics", n=12)
def _(r):
  return dict(tensor=r.numbers(r.pick(["float32", "float64", "float16", "bfloat16"]), r.shape()), message="m")


@cases.op("CheckNumerics", n=2)
def _(r):
  return dict(tensor=np.array([1, r.pick([np.nan, np.inf])], "float32"), message="m", _error=True)

"""Makes `corpus.json.gz`: HDF5 files as h5py writes them, and what h5py reads back from them.

Run `python make.py` here; made with h5py 3.16 on HDF5 2.0. Each file is an object with its bytes
as hex in `file` and, by path, what is in it in `objects`; a file that holds only what must be
refused has no `objects`. The files are small on purpose: every prefix and every bit of some of
them is tried.
"""

import ctypes
import gzip
import json
import os
import pathlib
import tempfile

import h5py
import numpy as np

VERSIONS = {"v0": "earliest", "v2": ("v108", "v108"), "v3": ("v110", "v110"), "latest": "latest"}


def values(n, dtype):
    return (np.arange(n) * 3 % 17 - 5).astype(dtype)


def types(f):
    for name in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 c8 c16".split():
        f.create_dataset("little/" + name, data=values(6, "<" + name).reshape(2, 3))
        f.create_dataset("big/" + name, data=values(6, ">" + name).reshape(2, 3))
    f.create_dataset("bool", data=np.array([True, False, True]))
    f.create_dataset("scalar", data=np.float32(2.5))
    f.create_dataset("empty", shape=(0, 3), dtype="f4")
    f.create_dataset("null", data=h5py.Empty("f4"))
    f.create_dataset("vlen", data=["a", "", "grün"], dtype=h5py.string_dtype())
    f.create_dataset("fixed", data=np.array([b"ab", b"cde"]))
    bfloat16 = f.create_dataset("bfloat16", data=np.frombuffer(b"\x80\x3f\x40\xc0", "V2"))
    bfloat16.attrs["dtype"] = "bfloat16"
    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((4,))
    dataset = h5py.h5d.create(f.id, b"compact", h5py.h5t.NATIVE_INT16, space, compact)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values(4, "i2"))
    f.create_dataset("never", shape=(5,), dtype="i4", fillvalue=7)
    f["named"] = np.dtype("f4")


def attributes(f):
    f.attrs["text"] = "größer"
    f.attrs["bytes"] = np.bytes_(b"abc")
    f.attrs["vlen_ascii"] = np.array([b"x", b"yz"], dtype=h5py.string_dtype("ascii"))
    f.attrs["fixed"] = np.array([b"dense_1", b"d2"])
    f.attrs["none"] = []
    f.attrs["null"] = h5py.Empty("f4")
    f.attrs["int"] = -3
    f.attrs["unsigned"] = np.uint64(2**63 + 2048)
    f.attrs["half"] = np.array([1.5, -0.25, 2**-24, np.inf], dtype="f2")
    f.attrs["floats"] = np.array([[1.5, 2.5], [3.5, 4.5]], dtype=">f4")
    f.attrs["bool"] = True
    many = f.create_group("many")
    for i in range(30):
        many.attrs[f"a{i:02}"] = i


def keras(f):
    """The groups and attributes of a Keras weights file, its name lists in pieces."""
    f.attrs["layer_names0"] = np.array([b"dense", b"a10"])
    f.attrs["layer_names1"] = np.array([b"B"])
    for layer in ["dense", "a10", "B", "a2", "z"]:
        group = f.create_group(layer)
        group.attrs["weight_names"] = []
    dense = f["dense"]
    del dense.attrs["weight_names"]
    dense.attrs["weight_names0"] = np.array([b"dense/kernel:0"])
    dense.attrs["weight_names1"] = np.array([b"dense/bias:0"])
    dense.create_dataset("dense/kernel:0", data=values(6, "f4").reshape(3, 2))
    dense.create_dataset("dense/bias:0", data=values(2, "f4"))


def chunks(f):
    data = values(7 * 10, "<f4").reshape(7, 10)
    every = dict(data=data, chunks=(3, 4))
    f.create_dataset("plain", **every)
    f.create_dataset("gzip", compression="gzip", **every)
    f.create_dataset("lzf", compression="lzf", **every)
    f.create_dataset("shuffle", shuffle=True, **every)
    f.create_dataset("fletcher32", fletcher32=True, **every)
    f.create_dataset("all", compression="gzip", shuffle=True, fletcher32=True, **every)
    f.create_dataset("lzf_all", compression="lzf", shuffle=True, fletcher32=True, **every)
    f.create_dataset("single", data=data, chunks=(7, 10), compression="gzip")
    f.create_dataset("single_plain", data=data, chunks=(7, 10))
    f.create_dataset("growing", maxshape=(None, 10), **every)
    f.create_dataset("growing_gzip", maxshape=(None, 10), compression="gzip", **every)
    f.create_dataset("growing_both", maxshape=(None, None), **every)
    f.create_dataset("growing_both_gzip", maxshape=(None, None), compression="gzip", **every)
    f.create_dataset("line", data=np.zeros(300, "f8"), chunks=(100,), compression="lzf")
    f.create_dataset("cube", data=values(60, ">i2").reshape(3, 4, 5), chunks=(2, 3, 2), compression="gzip")
    sparse = f.create_dataset("sparse", shape=(7, 10), dtype="f4", chunks=(3, 4), fillvalue=1.5, compression="gzip")
    sparse[4, 5] = 9
    f.create_dataset("nothing", shape=(4, 4), dtype="f4", chunks=(2, 2), fillvalue=-1)
    shrunk = f.create_dataset("shrunk", maxshape=(None, 10), **every)
    shrunk.resize((4, 10))
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((3, 4))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple((7, 10))
    dataset = h5py.h5d.create(f.id, b"implicit", h5py.h5t.IEEE_F32LE, space, early)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data))


def links(f):
    f.create_dataset("g/h/data", data=values(3, "i4"))
    f["soft"] = h5py.SoftLink("/g/h/data")
    f["g/relative"] = h5py.SoftLink("h/data")
    f["g/up"] = h5py.SoftLink("/soft")
    f["folder"] = h5py.SoftLink("g/h")
    f["hard"] = f["g/h/data"]


def ordered(f):
    group = f.create_group("ordered", track_order=True)
    for name in "zebra B a10 a2".split():
        group[name] = np.int8(1)
    many = f.create_group("many", track_order=True)
    for i in range(20):
        many[f"x{(i * 7) % 20:02}"] = np.int8(i)
    dense = f.create_group("dense")
    for i in range(20):
        dense[f"x{(i * 7) % 20:02}"] = np.int8(i)


def refused(f):
    """Objects that must be refused by name. Each lies in a group of its own."""
    f["external/link"] = h5py.ExternalLink("other.h5", "/x")
    f["dangling/link"] = h5py.SoftLink("/not/there")
    f["loop/a"] = h5py.SoftLink("/loop/b")
    f["loop/b"] = h5py.SoftLink("/loop/a")
    cycle = f.create_group("cycle/inner")
    cycle["back"] = f["cycle"]
    f["climb/up"] = h5py.SoftLink("/climb")
    f.create_dataset("vlen/data", shape=(2,), dtype=h5py.vlen_dtype("i4"))
    f.create_dataset("reference/data", shape=(2,), dtype=h5py.ref_dtype)
    f.create_dataset("region/data", shape=(2,), dtype=h5py.regionref_dtype)
    f.create_dataset("compound/data", shape=(2,), dtype=np.dtype([("a", "i4"), ("b", "f4")]))
    narrow = h5py.h5t.STD_I32LE.copy()
    narrow.set_precision(24)
    bfloat16 = h5py.h5t.IEEE_F32LE.copy()
    bfloat16.set_fields(15, 7, 8, 0, 7)
    bfloat16.set_precision(16)
    bfloat16.set_size(2)
    for name, datatype in {"narrow": narrow, "float": bfloat16}.items():
        group = f.create_group(name)
        h5py.h5d.create(group.id, b"data", datatype, h5py.h5s.create_simple((2,)))
    f.create_dataset("filter/data", data=values(100, "i4"), scaleoffset=4, chunks=(50,))
    outside = f.create_group("storage")
    outside.create_dataset("data", shape=(4,), dtype="i4", external=[("other.bin", 0, 16)])
    layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
    layout[:] = h5py.VirtualSource("other.h5", "data", shape=(4,))
    f.create_group("virtual").create_virtual_dataset("data", layout)
    f.create_dataset("bomb/data", shape=(4096, 256), dtype="f4", chunks=(1024, 256), compression="gzip")
    f["bomb/data"][...] = 0
    f.create_dataset("never/data", shape=(1 << 40,), dtype="f4", chunks=(1 << 20,))


def small(f):
    """For the sweeps: a bit of everything in as few bytes as possible."""
    f.attrs["names"] = np.array([b"d", b"e"])
    if f.libver[0] != "earliest":
        f.attrs["config"] = "{}"  # its heap alone takes 4 KB
    f.create_dataset("g/x", data=values(3, "f4"))
    f.create_dataset("z", data=values(40, "i2"), chunks=(16,), compression="gzip")
    f["s"] = h5py.SoftLink("/g/x")


def dims(shape):
    return list(shape) if shape is not None else [0]


def describe_attribute(value):
    if isinstance(value, h5py.Empty):
        return {"null": True}
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        strings = [s.decode() if isinstance(s, bytes) else str(s) for s in array.ravel()]
        return {"shape": list(array.shape), "strings": strings}
    numbers = [str(float(x)) for x in array.ravel()]
    return {"shape": list(array.shape), "numbers": numbers}


def describe(f):
    objects = {}

    def visit(group, path):
        for name in group:
            at = f"{path}/{name}".lstrip("/")
            item = group[name]
            if isinstance(item, h5py.Group):
                objects[at] = {"children": list(item), "attrs": describe_attributes(item)}
                visit(item, at)
            elif isinstance(item, h5py.Dataset):
                about = {"shape": dims(item.shape), "attrs": describe_attributes(item)}
                if h5py.check_string_dtype(item.dtype):
                    about["strings"] = [s.decode() for s in item[()].ravel()]
                elif item.shape is None:
                    about["hex"] = ""
                else:
                    about["hex"] = np.ascontiguousarray(item[()]).tobytes().hex()
                about["contiguous"] = item.id.get_offset()
                objects[at] = about

    def describe_attributes(item):
        return {name: describe_attribute(item.attrs[name]) for name in sorted(item.attrs)}

    objects[""] = {"children": list(f), "attrs": describe_attributes(f)}
    visit(f, "")
    return objects


def main():
    here = pathlib.Path(__file__).parent
    corpus = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make(corpus)
    text = json.dumps(corpus, indent=0, ensure_ascii=False).encode()
    packed = gzip.compress(text, 9, mtime=0)
    (here / "corpus.json.gz").write_bytes(packed)
    print(f"{len(corpus)} files, {len(packed)} bytes packed")


def make(corpus):
    def add(name, is_read=True):
        about = corpus.setdefault(name, {"file": pathlib.Path(name).read_bytes().hex()})
        if is_read:
            with h5py.File(name, "r") as f:
                about["objects"] = describe(f)

    for kind in [types, attributes, keras, chunks, links, ordered, small, refused]:
        for version, libver in VERSIONS.items():
            if version == "v2" and kind not in (small, ordered):
                continue
            if version == "latest" and kind not in (chunks, types, refused):
                continue
            name = f"{kind.__name__}_{version}"
            with h5py.File(name, "w", libver=libver) as f:
                kind(f)
            add(name, kind is not refused)
    with h5py.File("userblock", "w", userblock_size=512) as f:
        small(f)
    add("userblock")
    make_v1("small_v1")
    add("small_v1")


def make_v1(name):
    """A superblock of version 1: another size of chunk B-trees; h5py has no call for it."""
    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    libraries = pathlib.Path(h5py.__file__).parent.parent / "h5py.libs"
    hdf5 = ctypes.CDLL(str(next(libraries.glob("libhdf5-*"))))
    assert hdf5.H5Pset_istore_k(ctypes.c_int64(creation.id), ctypes.c_uint(8)) >= 0
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_LATEST)
    h5py.h5f.create(name.encode(), h5py.h5f.ACC_TRUNC, creation, access).close()
    with h5py.File(name, "r+", libver="earliest") as f:
        small(f)


if __name__ == "__main__":
    main()

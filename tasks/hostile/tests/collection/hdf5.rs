//! HDF5 files that lead out, loop, explode, or lie about their sizes.

use tensorferry::Patterns;
use tensorferry_hostile::keras::{dense_config, h5, h5_layer, h5_whole, h5_with};
use tensorferry_hostile::raw_hdf5::{
    Message, RawHdf5, UNDEFINED, attribute, contiguous, continuation, continuation_block,
    dataspace, external, external_files, filters, float32, group, hard, local_heap,
    names_attribute, one_chunk, soft, symbol_table, text_attribute, tree_node, variable_text,
    virtual_layout,
};
use tensorferry_store::MemoryStore;

use crate::{Case, Class};

fn config() -> String {
    dense_config(|_| ()).to_string()
}

/// A file whose kernel is the dataset of these messages.
fn kernel(messages: impl FnOnce(&mut RawHdf5) -> Vec<Message>) -> Vec<u8> {
    h5_with(&config(), |file| {
        let messages = messages(file);
        hard("kernel:0", file.object(&messages))
    })
}

/// A file whose kernel is behind this link.
fn link(link: Message) -> Vec<u8> {
    h5_with(&config(), |_| link)
}

/// A file whose layer has these messages.
fn layer(messages: impl FnOnce(&mut RawHdf5) -> Vec<Message>) -> Vec<u8> {
    h5_layer(&config(), &[], |file| {
        let messages = messages(file);
        hard("d", file.object(&messages))
    })
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, content).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

pub(crate) fn cases() -> Vec<Case> {
    [
        out_of_the_file(),
        bombs(),
        loops(),
        places(),
        pointers(),
        types(),
        values(),
        names(),
        damage(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn out_of_the_file() -> Vec<Case> {
    use Class::OtherFile;
    let storage = kernel(|file| {
        let names = file.put(b"\0/etc/passwd\0\0\0\0");
        let heap = file.put(&local_heap(names, 16));
        vec![dataspace(&[2, 1]), float32(), external_files(heap), contiguous(UNDEFINED, 8)]
    });
    let virtual_dataset = kernel(|_| vec![dataspace(&[2, 1]), float32(), virtual_layout()]);
    vec![
        Case::h5(
            "h5 external link",
            OtherFile,
            link(external("kernel:0", "/etc/passwd", "/x")),
            "m.h5: model_weights/d/d/kernel:0: a link to another file, `/etc/passwd`, is not followed",
        ),
        Case::h5(
            "h5 external storage",
            OtherFile,
            storage,
            "m.h5: model_weights/d/d/kernel:0: its data in another file is not read",
        ),
        Case::h5(
            "h5 virtual dataset",
            OtherFile,
            virtual_dataset,
            "m.h5: model_weights/d/d/kernel:0: a virtual dataset, whose data lies in other files, is not read (at byte 136)",
        ),
        Case::h5(
            "h5 external link as a layer",
            OtherFile,
            h5_layer(&config(), &[], |_| external("d", "other.h5", "/model_weights/d")),
            "m.h5: model_weights/d: a link to another file, `other.h5`, is not followed",
        ),
    ]
}

fn bombs() -> Vec<Case> {
    use Class::Bomb;
    let packed = zlib(&vec![0; 1 << 20]);
    let chunk = |shape: &'static [u64], ids: &'static [u16]| {
        let packed = packed.clone();
        kernel(move |file| {
            let at = file.put(&packed);
            vec![
                dataspace(shape),
                float32(),
                filters(ids),
                one_chunk(shape, packed.len() as u64, at),
            ]
        })
    };
    let never = kernel(|_| vec![dataspace(&[1 << 30]), float32(), contiguous(UNDEFINED, 0)]);
    vec![
        Case::h5(
            "h5 chunk that claims 1 GiB",
            Bomb,
            chunk(&[1 << 28], &[1]),
            "m.h5: model_weights/d/d/kernel:0: 1039 stored bytes unpack to 1073741824, which is more than 200 times as many",
        ),
        Case::h5(
            "h5 chunk of the wrong length",
            Bomb,
            chunk(&[2, 1], &[1]),
            "m.h5: `model_weights/d/d/kernel:0`: the chunk at [0, 0] is broken: it decodes to 1032 bytes where 8 are expected (at byte 136)",
        ),
        Case::h5(
            "h5 gzip twice",
            Bomb,
            chunk(&[1 << 18], &[1, 1]),
            "m.h5: model_weights/d/d/kernel:0: filter 1 is applied twice",
        ),
        Case::h5(
            "h5 nine filters",
            Bomb,
            chunk(&[1 << 18], &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
            "m.h5: model_weights/d/d/kernel:0: 9 filters, where at most 8 are allowed",
        ),
        Case::h5(
            "h5 fill values of 4 GiB",
            Bomb,
            never,
            "m.h5: model_weights/d/d/kernel:0: 4294967296 bytes were never written, 4294967296 in the whole file, where 67185856 are allowed for its size",
        ),
        Case::h5(
            "h5 shape of 2^60",
            Bomb,
            kernel(|file| {
                let at = file.put(&[0; 8]);
                vec![dataspace(&[1 << 40, 1 << 20]), float32(), contiguous(at, 8)]
            }),
            "m.h5: model_weights/d/d/kernel:0: shape [1099511627776, 1048576] has too many elements",
        ),
        Case::h5(
            "h5 shape that overflows",
            Bomb,
            kernel(|_| vec![dataspace(&[u64::MAX, 3]), float32(), contiguous(UNDEFINED, 0)]),
            "m.h5: model_weights/d/d/kernel:0: shape [18446744073709551615, 3] has too many elements",
        ),
        Case::h5(
            "h5 groups in groups",
            Bomb,
            deep(),
            "m.h5: model_weights: layer `d` has 0 stored weights, its config makes 2; missing: d/kernel, d/bias",
        ),
    ]
}

/// Two hundred groups in each other below the layer.
fn deep() -> Vec<u8> {
    h5_layer(&config(), &[], |file| {
        let mut at = file.object(&group());
        for _ in 0..200 {
            let mut messages = group();
            messages.push(hard("g", at));
            at = file.object(&messages);
        }
        hard("d", at)
    })
}

fn loops() -> Vec<Case> {
    use Class::Loop;
    let two = [soft("a", "/b"), soft("b", "/a")];
    let into_loop = h5_whole(&config(), &two, |_| soft("kernel:0", "/a"));
    let cycle = layer(|file| {
        let mut messages = group();
        messages.push(hard("again", file.next()));
        messages
    });
    let tree = layer(|file| {
        let names = file.put(&[0; 16]);
        let heap = file.put(&local_heap(names, 16));
        let node = file.next();
        file.put(&tree_node(1, node));
        vec![names_attribute("weight_names", &["kernel:0"]), symbol_table(node, heap)]
    });
    let continued = layer(|file| {
        let block = file.next();
        let empty = continuation_block(&[continuation(block, 0)]);
        let byte_len = empty.len() as u64;
        file.put(&continuation_block(&[continuation(block, byte_len)]));
        let mut messages = group();
        messages.push(continuation(block, byte_len));
        messages
    });
    vec![
        Case::h5(
            "h5 soft link to itself",
            Loop,
            link(soft("kernel:0", "kernel:0")),
            "m.h5: model_weights/d/d/kernel:0: more than 16 soft links to follow",
        ),
        Case::h5(
            "h5 two soft links",
            Loop,
            into_loop,
            "m.h5: model_weights/d/d/kernel:0: more than 16 soft links to follow",
        ),
        Case::h5(
            "h5 soft link up and up",
            Loop,
            link(soft("kernel:0", "../../../etc/passwd")),
            "m.h5: model_weights/d/d/kernel:0: a soft link to `../../../etc/passwd`, which does not exist",
        ),
        Case::h5(
            "h5 group in itself",
            Loop,
            cycle,
            "m.h5: model_weights/d/again: it leads back to a group that it lies in",
        ),
        Case::h5(
            "h5 B-tree node in itself",
            Loop,
            tree,
            "m.h5: model_weights/d/kernel:0: invalid data: B-tree v1 traversal revisits node at offset 0x60",
        ),
        Case::h5(
            "h5 header that continues in itself",
            Loop,
            continued,
            "m.h5: model_weights/d: invalid data: object header continuation cycle at offset 0x30 (at byte 80)",
        ),
    ]
}

/// Data that lies elsewhere.
fn places() -> Vec<Case> {
    use Class::OutOfBounds;
    let contiguous_at = |address, byte_len| {
        kernel(move |_| vec![dataspace(&[2, 1]), float32(), contiguous(address, byte_len)])
    };
    let chunk_at = |stored, address| {
        kernel(move |_| {
            vec![dataspace(&[2, 1]), float32(), filters(&[1]), one_chunk(&[2, 1], stored, address)]
        })
    };
    vec![
        Case::h5(
            "h5 data beyond the end",
            OutOfBounds,
            contiguous_at(1 << 40, 8),
            "m.h5: model_weights/d/d/kernel:0: its 8 bytes lie outside of the file (at byte 1099511627776)",
        ),
        Case::h5(
            "h5 data at 2^64 - 2",
            OutOfBounds,
            contiguous_at(u64::MAX - 1, 8),
            "m.h5: model_weights/d/d/kernel:0: its 8 bytes lie outside of the file (at byte 18446744073709551614)",
        ),
        Case::h5(
            "h5 less data than its shape",
            OutOfBounds,
            contiguous_at(48, 4),
            "m.h5: model_weights/d/d/kernel:0: fewer bytes are stored than its shape has",
        ),
        Case::h5(
            "h5 chunk beyond the end",
            OutOfBounds,
            chunk_at(8, 1 << 40),
            "m.h5: `model_weights/d/d/kernel:0`: the chunk at [0, 0] lies outside of the file (at byte 1099511627776)",
        ),
        Case::h5(
            "h5 chunk of 2^63 bytes",
            OutOfBounds,
            chunk_at(1 << 63, 48),
            "m.h5: `model_weights/d/d/kernel:0`: the chunk at [0, 0] lies outside of the file (at byte 48)",
        ),
    ]
}

/// Structures that lie elsewhere.
fn pointers() -> Vec<Case> {
    use Class::OutOfBounds;
    let text = |len: u32, heap: u64| {
        layer(move |_| {
            let mut data = len.to_le_bytes().to_vec();
            data.extend(heap.to_le_bytes());
            data.extend(1_u32.to_le_bytes());
            let mut messages = group();
            messages.push(attribute("weight_names", &variable_text(), &[1], &data));
            messages
        })
    };
    vec![
        Case::h5(
            "h5 text beyond the end",
            OutOfBounds,
            text(4, 1 << 40),
            "m.h5: model_weights/d@weight_names: the file ends before byte 1099511627792, which it points to (at byte 1099511627792)",
        ),
        Case::h5(
            "h5 text of 4 GiB",
            OutOfBounds,
            text(u32::MAX, 48),
            "m.h5: model_weights/d@weight_names: invalid global heap signature",
        ),
        Case::h5(
            "h5 object beyond the end",
            OutOfBounds,
            link(hard("kernel:0", 1 << 40)),
            "m.h5: model_weights/d/d/kernel:0: the file ends before byte 1099511627780, which it points to (at byte 1099511627780)",
        ),
        Case::h5(
            "h5 object in the superblock",
            OutOfBounds,
            link(hard("kernel:0", 3)),
            "m.h5: model_weights/d/d/kernel:0: unsupported object header version 70 (at byte 3)",
        ),
        Case::h5(
            "h5 continuation beyond the end",
            OutOfBounds,
            layer(|_| vec![continuation(1 << 40, 64)]),
            "m.h5: model_weights/d: the file ends before byte 1099511627840, which it points to (at byte 1099511627840)",
        ),
        Case::h5(
            "h5 rank 200",
            OutOfBounds,
            kernel(|_| vec![dataspace(&[1; 200]), float32(), contiguous(48, 4)]),
            "m.h5: model_weights/d/d/kernel:0: 200 dims, where 32 are allowed",
        ),
    ]
}

fn types() -> Vec<Case> {
    use Class::WrongWeights;
    let typed = |datatype: &[u8], n: u64| {
        let datatype = datatype.to_vec();
        kernel(move |file| {
            let at = file.put(&[0; 64]);
            vec![dataspace(&[2, 1]), (3, datatype), contiguous(at, n)]
        })
    };
    // Class in the low bits, version 1 in the high ones.
    let reference = [0x17, 0, 0, 0, 8, 0, 0, 0];
    let opaque = [0x15, 0, 0, 0, 4, 0, 0, 0];
    let bad_class = [0x1f, 0, 0, 0, 4, 0, 0, 0];
    vec![
        Case::h5(
            "h5 references as weights",
            WrongWeights,
            typed(&reference, 16),
            "m.h5: model_weights/d/d/kernel:0: this element type is no tensor's, expected numbers or booleans, found reference",
        ),
        Case::h5(
            "h5 opaque bytes as weights",
            WrongWeights,
            typed(&opaque, 8),
            "m.h5: model_weights/d/d/kernel:0: this element type is no tensor's, expected numbers or booleans, found 4 opaque bytes",
        ),
        Case::h5(
            "h5 unknown class of type",
            WrongWeights,
            typed(&bad_class, 8),
            "m.h5: model_weights/d/d/kernel:0: unsupported datatype class 15 (at byte 200)",
        ),
        Case::h5(
            "h5 group for a weight",
            WrongWeights,
            h5_with(&config(), |file| hard("kernel:0", file.object(&group()))),
            "m.h5: model_weights/d/d/kernel:0: a group where a dataset is expected",
        ),
        Case::h5(
            "h5 filter of a plug-in",
            Class::Code,
            kernel(|file| {
                let at = file.put(&[0; 8]);
                vec![dataspace(&[2, 1]), float32(), filters(&[32015]), one_chunk(&[2, 1], 8, at)]
            }),
            "m.h5: model_weights/d/d/kernel:0: filter 32015 is not supported; gzip, shuffle, fletcher32 and lzf are",
        ),
    ]
}

fn values() -> Vec<Case> {
    use Class::WrongWeights;
    let nan = h5_with(&config(), |file| {
        let data: Vec<u8> = [1.0, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        let at = file.put(&data);
        hard("kernel:0", file.object(&[dataspace(&[2, 1]), float32(), contiguous(at, 8)]))
    });
    let uint8 = |case: Case| case.with(|o| o.quantize.uint8 = Some(Patterns::AllOthers));
    vec![
        Case::h5(
            "h5 another shape than the config's",
            WrongWeights,
            kernel(|file| {
                let at = file.put(&[0; 24]);
                vec![dataspace(&[3, 2]), float32(), contiguous(at, 24)]
            }),
            "m.h5: layer `d`, weight `d/kernel`: the weight does not fit its layer's config, expected [?, 1], found [3, 2]",
        ),
        uint8(Case::h5(
            "h5 NaN under quantization",
            WrongWeights,
            nan.clone(),
            "m.h5: d/kernel: element 1 is NaN, which uint8 codes cannot hold",
        )),
        Case::h5("h5 NaN kept", WrongWeights, nan, ""),
    ]
}

fn names() -> Vec<Case> {
    use Class::{Ambiguous, Name};
    let twice = h5_with(&config(), |file| {
        let at = file.put(&[0; 8]);
        hard("bias:0", file.object(&[dataspace(&[2, 1]), float32(), contiguous(at, 8)]))
    });
    let named = |name: &'static str| {
        layer(move |_| {
            let mut messages = group();
            messages.push(names_attribute("weight_names", &[name]));
            messages
        })
    };
    let long: &'static str = Box::leak("n".repeat(5000).into_boxed_str());
    let twice_attribute = [text_attribute("model_config", "{}")];
    vec![
        Case::h5(
            "h5 one name for two weights",
            Ambiguous,
            twice,
            "m.h5: model_weights/d/d/kernel:0: the name `bias:0` is there twice",
        ),
        Case::h5(
            "h5 model_config twice",
            Ambiguous,
            h5_whole(&config(), &twice_attribute, |_| soft("kernel:0", "bias:0")),
            "m.h5: the attribute `model_config` is there twice",
        ),
        Case::h5(
            "h5 escape codes in a name",
            Name,
            named("\u{1b}[2J\u{202e}\n\rname"),
            "m.h5: model_weights/d/\\u{1b}[2J\\u{202e}\\n\\rname: there is no such dataset",
        ),
        Case::h5(
            "h5 weight name that climbs",
            Class::OtherFile,
            named("../../../../etc/passwd"),
            "m.h5: model_weights/d/../../../../etc/passwd: there is no such dataset",
        ),
        Case::h5(
            "h5 name of 5,000 bytes",
            Name,
            named(long),
            "m.h5: model_weights/d/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: there is no such dataset",
        ),
    ]
}

fn damage() -> Vec<Case> {
    use Class::Damage;
    let good = h5(&config());
    let mut longer = good.clone();
    longer.truncate(good.len() - 100);
    let mut root = good.clone();
    root[36] ^= 0x40;
    vec![
        Case::h5(
            "h5 cut",
            Damage,
            longer,
            "m.h5: the file has 1119 bytes where its superblock says 1219 (at byte 1119)",
        ),
        Case::h5(
            "h5 only a signature",
            Damage,
            b"\x89HDF\r\n\x1a\n".to_vec(),
            "m.h5: a structure ends before its last field",
        ),
        Case::h5(
            "h5 damaged superblock",
            Damage,
            root,
            "m.h5: checksum mismatch: expected 0xd95ca36d, got 0xabebf828",
        ),
        Case::h5(
            "h5 no Keras file",
            Damage,
            {
                let mut file = RawHdf5::default();
                let root = file.object(&group());
                file.finish(root)
            },
            "m.h5: this HDF5 file holds no Keras model and no Keras weights, expected the attribute model_config or layer_names, found an empty file",
        ),
        Case::new(
            "h5 two behind each other",
            Class::Ambiguous,
            MemoryStore::file("m.h5", [good.clone(), good].concat()),
            "",
        ),
    ]
}

//! Strings taken apart and joined along axes.

use bytes::Bytes;
use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use super::reduction::axis;
use super::string::{is_space, join, split_at};
use crate::def::case;
use crate::text::{check_text, strings};
use crate::wide::Narrow;
use crate::{Args, Error, Result, Value, checked_len};

register![ReduceJoin, StringNGrams, StringSplit, StringSplitV2, UnsortedSegmentJoin];

/// Pieces of strings as a sparse matrix: where each is, what it is, how large the matrix is.
fn sparse(rows: &[Vec<&[u8]>]) -> Result<Vec<Value>> {
    let n: usize = rows.iter().map(Vec::len).sum();
    checked_len(&[n, 2])?;
    let mut indices = Vec::with_capacity(n * 2);
    let mut words = Vec::with_capacity(n);
    for (i, row) in rows.iter().enumerate() {
        for (j, word) in row.iter().enumerate() {
            indices.extend([i as i64, j as i64]);
            words.push(Bytes::copy_from_slice(word));
        }
    }
    let widest = rows.iter().map(Vec::len).max().unwrap_or(0);
    Ok(vec![
        DenseTensor::new(&[n, 2], indices).into(),
        DenseTensor::vector(words).into(),
        DenseTensor::vector(vec![rows.len() as i64, widest as i64]).into(),
    ])
}

fn sparse_shapes() -> Result<Vec<Shape>> {
    let n = Dim::Unknown;
    Ok(vec![vec![n, Dim::Known(2)].into(), Shape::vector(n), Shape::vector(2)])
}

fn vector(x: &Args) -> Result<&[Bytes]> {
    ensure!(x.tensor(0)?.rank() == 1, "strings of shape {:?}", x.tensor(0)?.shape());
    x.slice::<Bytes>(0)
}

op! {
    /// Splits strings at any of some characters; at every byte when there is none.
    StringSplit = "StringSplit", Pure {
        /// Empty pieces are left out.
        skip_empty: bool = true,
    }
    ("input: string", "delimiter: string") -> ("indices: int64", "values: string", "shape: int64")
    [case("string[\"a b\", \"c\"], string \" \"", "",
        "int64[[0, 0], [0, 1], [1, 0]], string[\"a\", \"b\", \"c\"], int64[2, 2]"),
     case("string[\"a,;b\"], string \",;\"", "skip_empty=false",
        "int64[[0, 0], [0, 1], [0, 2]], string[\"a\", \"\", \"b\"], int64[1, 3]")]
    infer(op, x) { sparse_shapes() }
    eval(op, x, context) {
        let marks = x.string(1)?;
        let split = |text: &'_ Bytes| -> Vec<(usize, usize)> {
            let mut start = 0;
            let mut pieces = Vec::new();
            for (i, byte) in text.iter().enumerate() {
                if marks.is_empty() {
                    pieces.push((i, i + 1));
                } else if marks.contains(byte) {
                    pieces.push((start, i));
                    start = i + 1;
                }
            }
            // Of an empty text several marks make no piece, and one mark makes one.
            if marks.len() == 1 || !marks.is_empty() && !text.is_empty() {
                pieces.push((start, text.len()));
            }
            pieces.retain(|(start, end)| !op.skip_empty || end > start);
            pieces
        };
        let rows = vector(&x)?.iter();
        let rows = rows.map(|text| split(text).into_iter().map(|(a, b)| &text[a..b]).collect());
        sparse(&rows.collect::<Vec<_>>())
    }
}

op! {
    /// Splits strings at a separator as Python does; at white space when it is empty.
    StringSplitV2 = "StringSplitV2", Pure {
        /// The most splits; any number when it is -1.
        maxsplit: i64 = -1,
    }
    ("input: string", "sep: string") -> ("indices: int64", "values: string", "shape: int64")
    [case("string[\" a  b \", \"\"], string \"\"", "",
        "int64[[0, 0], [0, 1]], string[\"a\", \"b\"], int64[2, 2]"),
     case("string[\"a, b,\"], string \",\"", "",
        "int64[[0, 0], [0, 1], [0, 2]], string[\"a\", \" b\", \"\"], int64[1, 3]")]
    infer(op, x) { sparse_shapes() }
    eval(op, x, context) {
        let mark = x.string(1)?;
        let n_max = usize::try_from(op.maxsplit).unwrap_or(usize::MAX);
        let rows = vector(&x)?.iter().map(|text| match (n_max, mark.is_empty()) {
            (0, _) => vec![&text[..]],
            (_, true) => at_spaces(text, n_max),
            (_, false) => at_mark(text, mark, n_max),
        });
        sparse(&rows.collect::<Vec<_>>())
    }
}

/// Python's `split()`. After the last allowed split the rest stays whole.
fn at_spaces(text: &[u8], n_max: usize) -> Vec<&[u8]> {
    let skip = |text: &[u8]| text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let mut pieces = Vec::new();
    let mut rest = &text[skip(text)..];
    while !rest.is_empty() {
        let len = rest.iter().position(|byte| is_space(*byte)).unwrap_or(rest.len());
        pieces.push(&rest[..len]);
        rest = &rest[len..];
        rest = &rest[skip(rest)..];
        if pieces.len() == n_max {
            pieces.push(rest);
            break;
        }
    }
    pieces
}

/// Python's `split(mark)`.
fn at_mark<'a>(text: &'a [u8], mark: &[u8], n_max: usize) -> Vec<&'a [u8]> {
    let mut pieces = split_at(text, mark);
    if pieces.len() > n_max.saturating_add(1) {
        let start: usize = pieces[..n_max].iter().map(|piece| piece.len() + mark.len()).sum();
        pieces.truncate(n_max);
        pieces.push(&text[start..]);
    }
    pieces
}

op! {
    /// Runs of so many words in a row, joined, of each row of words.
    StringNGrams = "StringNGrams", Pure {
        /// What stands between words.
        separator: Bytes,
        /// How many words a run has; each number is done in turn.
        ngram_widths: Vec<i64>,
        /// What stands before the first word.
        left_pad: Bytes,
        /// What stands after the last word.
        right_pad: Bytes,
        /// How many of them; one less than a run has when it is negative.
        pad_width: i64,
        /// A row that is too short for any run gives one with all its words.
        preserve_short_sequences: bool,
    }
    ("data: string", "data_splits: Tsplits") -> ("ngrams: string", "ngrams_splits: Tsplits")
    [case("string[\"a\", \"b\", \"c\", \"d\"], int64[0, 3, 4]",
        "separator=\" \", ngram_widths=[2], left_pad=\"\", right_pad=\"\", pad_width=0, preserve_short_sequences=true",
        "string[\"a b\", \"b c\", \"d\"], int64[0, 2, 3]"),
     case("string[\"a\", \"b\"], int64[0, 2]",
        "separator=\"|\", ngram_widths=[2], left_pad=\"<\", right_pad=\">\", pad_width=-1, preserve_short_sequences=false",
        "string[\"<|a\", \"a|b\", \"b|>\"], int64[0, 3]")]
    infer(op, x) { Ok(vec![Shape::of_rank(1), x[1].shape.clone()]) }
    eval(op, x, context) {
        let (words, splits) = (x.slice::<Bytes>(0)?, row_splits(&x, 1, x.tensor(0)?.len())?);
        let mut all: Vec<Vec<u8>> = Vec::new();
        let (mut ends, mut n_bytes) = (vec![0_i64], 0_usize);
        if words.is_empty() {
            // Without words there is no padding either.
            let ends = i64::narrow(x.tensor(1)?.dtype(), &[splits.len()], vec![0; splits.len()]);
            return Ok(vec![strings(&[0], std::iter::empty())?.into(), ends.into()]);
        }
        for row in splits.windows(2) {
            for run in op.runs(&words[row[0]..row[1]])? {
                n_bytes = n_bytes.saturating_add(run.len() + 1);
                check_text(n_bytes)?;
                all.push(run);
            }
            ends.push(all.len() as i64);
        }
        let n = all.len();
        let splits = i64::narrow(x.tensor(1)?.dtype(), &[ends.len()], ends);
        Ok(vec![strings(&[n], all.into_iter().map(Ok))?.into(), splits.into()])
    }
}

impl StringNGrams {
    /// The runs of one row.
    fn runs(&self, words: &[Bytes]) -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        for width in &self.ngram_widths {
            let width = usize::try_from(*width).ok().filter(|width| *width > 0);
            let width = width.ok_or_else(|| Error::invalid("runs of no word"))?;
            let pad = usize::try_from(self.pad_width).map_or(width - 1, |pad| pad.min(width - 1));
            let n = (words.len() + 2 * pad + 1).saturating_sub(width);
            for i in 0..n {
                all.push(self.run(words, i, width, pad, n)?);
            }
        }
        if all.is_empty() && self.preserve_short_sequences && !words.is_empty() {
            let pad = usize::try_from(self.pad_width).unwrap_or(0);
            all.push(self.run(words, 0, words.len().saturating_add(2 * pad), pad, 1)?);
        }
        Ok(all)
    }

    /// Run `i` of `n`.
    fn run(
        &self,
        words: &[Bytes],
        i: usize,
        width: usize,
        pad: usize,
        n: usize,
    ) -> Result<Vec<u8>> {
        let left = pad.saturating_sub(i).min(width);
        let right = pad.saturating_sub(n - (i + 1)).min(width - left);
        let start = if left > 0 { 0 } else { i - pad };
        let inner = words.get(start..start + (width - left - right));
        let inner = inner.ok_or_else(|| Error::invalid("the padding is wider than the run"))?;
        check_text((left + right).saturating_mul(self.left_pad.len() + self.right_pad.len() + 1))?;
        let run: Vec<&Bytes> = std::iter::repeat_n(&self.left_pad, left)
            .chain(inner)
            .chain(std::iter::repeat_n(&self.right_pad, right))
            .collect();
        join(&run, &self.separator)
    }
}

/// Where rows begin and end in `n` values: from 0 up to `n`, never down. No row when it is empty.
pub(super) fn row_splits(x: &Args, i: usize, n: usize) -> Result<Vec<usize>> {
    let splits = x.sizes(i)?;
    let fits = splits.first().is_none_or(|first| *first == 0)
        && splits.last().is_none_or(|last| *last == n)
        && splits.windows(2).all(|pair| pair[0] <= pair[1]);
    ensure!(fits, "the row splits {splits:?} are not those of {n} values");
    Ok(splits)
}

op! {
    /// Joins strings along axes, in the order in which these are given.
    ReduceJoin = "ReduceJoin", Pure {
        /// The axes stay, with length 1.
        keep_dims: bool = false,
        /// What stands between.
        separator: Bytes = Bytes::new(),
    }
    ("inputs: string", "reduction_indices: int32") -> ("output: string")
    [case("string[[\"a\", \"b\"], [\"c\", \"d\"]], int32[0]", "separator=\".\"", "string[\"a.c\", \"b.d\"]"),
     case("string[[\"a\", \"b\"], [\"c\", \"d\"]], int32[1, 0]", "", "string \"abcd\"")]
    infer(op, x) {
        let (Some(dims), Some(axes)) = (x[0].dims(), x[1].ints()) else {
            return Ok(vec![Shape::UNKNOWN]);
        };
        let flags = super::reduction::axis_flags(&axes, dims.len())?;
        let dims = dims.iter().zip(flags).filter_map(|(dim, joined)| match (joined, op.keep_dims) {
            (false, _) => Some(*dim),
            (true, keeps) => keeps.then_some(Dim::Known(1)),
        });
        Ok(vec![dims.collect::<Vec<_>>().into()])
    }
    eval(op, x, context) {
        let (tensor, words) = (x.tensor(0)?, x.slice::<Bytes>(0)?);
        let (shape, rank) = (tensor.shape(), tensor.rank());
        // The axis that is given first is joined first: it is the innermost.
        let axes: Vec<usize> =
            x.ints(1)?.into_iter().rev().map(|one| axis(one, rank)).collect::<Result<_>>()?;
        let flags = super::reduction::axis_flags(&x.ints(1)?, rank)?;
        let strides = crate::walk::strides(shape);
        let dim = |i: &usize| (shape[*i], strides[*i]);
        let kept: Vec<usize> = (0..rank).filter(|i| !flags[*i]).collect();
        let outer = crate::walk::Odometer::new(kept.iter().map(dim).collect(), 0);
        let one = |start: usize| {
            let inner = crate::walk::Odometer::new(axes.iter().map(dim).collect(), start);
            join(&inner.map(|i| &words[i]).collect::<Vec<_>>(), &op.separator)
        };
        let out: Vec<usize> = (0..rank)
            .filter(|i| op.keep_dims || !flags[*i])
            .map(|i| if flags[i] { 1 } else { shape[i] })
            .collect();
        Ok(vec![strings(&out, outer.map(one))?.into()])
    }
}

op! {
    /// Joins the rows of each segment.
    UnsortedSegmentJoin = "UnsortedSegmentJoin", Pure {
        /// What stands between.
        separator: Bytes = Bytes::new(),
    }
    ("inputs: string", "segment_ids: Tindices", "num_segments: Tnumsegments") -> ("output: string")
    [case("string[\"a\", \"b\", \"c\"], int32[1, 0, 1], int32 3", "separator=\"-\"",
        "string[\"b\", \"a-c\", \"\"]")]
    infer(op, x) {
        let (Some(dims), Some(rank)) = (x[0].dims(), x[1].rank()) else {
            return Ok(vec![Shape::UNKNOWN]);
        };
        let n = x[2].int().and_then(|n| usize::try_from(n).ok());
        let n = n.map_or(Dim::Unknown, Dim::Known);
        Ok(vec![[&[n], dims.get(rank..).unwrap_or(&[])].concat().into()])
    }
    eval(op, x, context) {
        let (words, ids) = (x.slice::<Bytes>(0)?, x.ints(1)?);
        let (shape, ids_shape) = (x.tensor(0)?.shape(), x.tensor(1)?.shape());
        ensure!(shape.starts_with(ids_shape), "segments of {ids_shape:?} for {shape:?}");
        let inner = &shape[ids_shape.len()..];
        let n = x.sizes(2)?.first().copied().unwrap_or(0);
        let len: usize = inner.iter().product();
        let out = [&[n], inner].concat();
        let mut groups: Vec<Vec<&Bytes>> = vec![Vec::new(); checked_len(&out)?];
        for (i, id) in ids.into_iter().enumerate() {
            let place = usize::try_from(id).ok().filter(|place| *place < n);
            let Some(id) = place else { fail!("segment {id} of {n}") };
            for j in 0..len {
                groups[id * len + j].push(&words[i * len + j]);
            }
        }
        // What is empty so far is followed by no separator.
        let all = groups.iter().map(|words| {
            let start = words.iter().position(|word| !word.is_empty()).unwrap_or(words.len());
            join(&words[start..], &op.separator)
        });
        Ok(vec![strings(&out, all)?.into()])
    }
}

/// The type of row splits, which is an attribute where no input has it.
pub(super) fn splits(dtype: DType, all: Vec<i64>) -> Value {
    i64::narrow(dtype, &[all.len()], all).into()
}

//! Of boxes that overlap, those with the best scores.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use crate::def::case;
use crate::wide::Narrow;
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![
    CombinedNonMaxSuppression,
    NonMaxSuppression,
    NonMaxSuppressionV2,
    NonMaxSuppressionV3,
    NonMaxSuppressionV4,
    NonMaxSuppressionV5,
    NonMaxSuppressionWithOverlaps,
];

/// A box that may be chosen; the best score comes first, of equal ones the first box.
#[derive(PartialEq)]
struct Candidate {
    score: f32,
    place: usize,
    /// Those chosen before this one are accounted for in the score.
    n_seen: usize,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.place.cmp(&self.place))
    }
}

/// What decides.
struct Rules {
    /// How many are chosen at most.
    most: usize,
    /// Boxes that overlap one that is chosen by more are left out.
    overlap: f32,
    /// Boxes must have a higher score.
    score: f32,
    /// Above 0, scores of boxes that overlap are lowered instead.
    sigma: f32,
}

impl Rules {
    /// Chosen boxes and their scores, best first. `similarity` says how much two boxes overlap.
    fn choose(
        &self,
        scores: &[f32],
        similarity: impl Fn(usize, usize) -> f32,
    ) -> Vec<(usize, f32)> {
        let is_soft = self.sigma > 0.0;
        let scale = if is_soft { -0.5 / self.sigma } else { 0.0 };
        let mut waiting: BinaryHeap<Candidate> = scores
            .iter()
            .enumerate()
            .filter(|(_, score)| **score > self.score)
            .map(|(place, score)| Candidate { score: *score, place, n_seen: 0 })
            .collect();
        let mut chosen: Vec<(usize, f32)> = Vec::new();
        while chosen.len() < self.most {
            let Some(mut next) = waiting.pop() else { break };
            let before = next.score;
            let mut is_out = false;
            for (other, _) in chosen[next.n_seen..].iter().rev() {
                let overlap = similarity(next.place, *other);
                if !is_soft && overlap > self.overlap {
                    is_out = true;
                    break;
                }
                next.score *= (scale * overlap * overlap).exp();
                if next.score <= self.score {
                    break;
                }
            }
            next.n_seen = chosen.len();
            if is_out {
                continue;
            }
            if next.score == before {
                chosen.push((next.place, next.score));
            } else if next.score > self.score {
                waiting.push(next);
            }
        }
        chosen
    }
}

/// The area that two boxes share, of the area that both cover. Corners are in any order.
fn intersection_over_union(a: &[f32], b: &[f32]) -> f32 {
    let sides = |x: &[f32]| [x[0].min(x[2]), x[1].min(x[3]), x[0].max(x[2]), x[1].max(x[3])];
    let (a, b) = (sides(a), sides(b));
    let area = |x: &[f32; 4]| (x[2] - x[0]) * (x[3] - x[1]);
    let (area_a, area_b) = (area(&a), area(&b));
    if area_a <= 0.0 || area_b <= 0.0 {
        return 0.0;
    }
    let height = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let width = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let shared = height * width;
    shared / (area_a + area_b - shared)
}

fn singles(inputs: &Args, i: usize) -> Result<Vec<f32>> {
    ensure!(inputs.tensor(i)?.dtype().is_float(), "input {i} has no floating-point numbers");
    Ok(inputs.numbers(i)?.into_iter().map(|x| x as f32).collect())
}

fn threshold(inputs: &Args, i: usize) -> Result<f32> {
    let x = inputs.number(i)? as f32;
    ensure!((0.0..=1.0).contains(&x), "a threshold of {x} is not in [0, 1]");
    Ok(x)
}

fn count(x: i64) -> Result<usize> {
    usize::try_from(x).map_err(|_| Error::invalid(format!("{x} boxes are asked for")))
}

/// Boxes `[n, 4]` and scores `[n]` in inputs 0 and 1.
fn chosen(inputs: &Args, rules: &Rules) -> Result<Vec<(usize, f32)>> {
    let &[n, 4] = inputs.tensor(0)?.shape() else {
        fail!("boxes of shape {:?}, expected [n, 4]", inputs.tensor(0)?.shape())
    };
    ensure!(
        *inputs.tensor(1)?.shape() == [n],
        "{n} boxes and scores of shape {:?}",
        inputs.tensor(1)?.shape()
    );
    let (boxes, scores) = (singles(inputs, 0)?, singles(inputs, 1)?);
    let one = |i: usize| &boxes[4 * i..][..4];
    Ok(rules.choose(&scores, |a, b| intersection_over_union(one(a), one(b))))
}

fn indices(all: &[(usize, f32)], len: usize) -> Value {
    let mut places: Vec<i32> =
        all.iter().map(|(place, _)| i32::try_from(*place).unwrap_or(i32::MAX)).collect();
    places.resize(len, 0);
    DenseTensor::vector(places).into()
}

fn int32(n: usize) -> Value {
    DenseTensor::scalar(i32::try_from(n).unwrap_or(i32::MAX)).into()
}

/// How many come out: all that are asked for, where they are filled up.
fn padded(n: usize, most: usize, is_padded: bool) -> Result<usize> {
    if is_padded { checked_len(&[most]) } else { Ok(n) }
}

fn padded_dim(most: &Fact, is_padded: bool) -> Dim {
    match most.int().and_then(|n| usize::try_from(n).ok()) {
        Some(n) if is_padded => Dim::Known(n),
        _ => Dim::Unknown,
    }
}

attrs! {
    /// Indices of boxes with the best scores, without those that overlap a better one.
    struct NonMaxSuppression {
        /// How much may overlap.
        iou_threshold: f32 = 0.5,
    }
}

impl Op for NonMaxSuppression {
    const SPEC: Spec = Spec {
        name: "NonMaxSuppression",
        inputs: &["boxes: float32", "scores: float32", "max_output_size: int32"],
        outputs: &["selected_indices: int32"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3]], [0.5, 0.9, 0.1], int32 3",
        "",
        "int32[1, 2]",
    )];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::of_rank(1)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let overlap = self.iou_threshold;
        ensure!((0.0..=1.0).contains(&overlap), "a threshold of {overlap} is not in [0, 1]");
        let most = count(inputs.int(2)?)?;
        let rules = Rules { most, overlap, score: f32::NEG_INFINITY, sigma: 0.0 };
        let all = chosen(&inputs, &rules)?;
        Ok(vec![indices(&all, all.len())])
    }
}

attrs! {
    /// Indices of boxes with the best scores, without those that overlap a better one.
    struct NonMaxSuppressionV2 {}
}

impl Op for NonMaxSuppressionV2 {
    const SPEC: Spec = Spec {
        name: "NonMaxSuppressionV2",
        inputs: &["boxes: T", "scores: T", "max_output_size: int32", "iou_threshold: T_threshold"],
        outputs: &["selected_indices: int32"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3]], [0.5, 0.9, 0.1], int32 3, 0.5",
        "",
        "int32[1, 2]",
    )];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::of_rank(1)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (most, overlap) = (count(inputs.int(2)?)?, threshold(&inputs, 3)?);
        let rules = Rules { most, overlap, score: f32::NEG_INFINITY, sigma: 0.0 };
        let all = chosen(&inputs, &rules)?;
        Ok(vec![indices(&all, all.len())])
    }
}

attrs! {
    /// The same among the boxes whose score is above a threshold.
    struct NonMaxSuppressionV3 {}
}

impl Op for NonMaxSuppressionV3 {
    const SPEC: Spec = Spec {
        name: "NonMaxSuppressionV3",
        inputs: &[
            "boxes: T",
            "scores: T",
            "max_output_size: int32",
            "iou_threshold: T_threshold",
            "score_threshold: T_threshold",
        ],
        outputs: &["selected_indices: int32"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3]], [0.5, 0.9, 0.1], int32 3, 0.5, 0.2",
        "",
        "int32[1]",
    )];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::of_rank(1)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (most, overlap) = (count(inputs.int(2)?)?, threshold(&inputs, 3)?);
        let rules = Rules { most, overlap, score: inputs.number(4)? as f32, sigma: 0.0 };
        let all = chosen(&inputs, &rules)?;
        Ok(vec![indices(&all, all.len())])
    }
}

attrs! {
    /// The same, and how many there are; filled up with zeros if so asked.
    struct NonMaxSuppressionV4 {
        /// As many come out as were asked for.
        pad_to_max_output_size: bool = false,
    }
}

impl Op for NonMaxSuppressionV4 {
    const SPEC: Spec = Spec {
        name: "NonMaxSuppressionV4",
        inputs: NonMaxSuppressionV3::SPEC.inputs,
        outputs: &["selected_indices: int32", "valid_outputs: int32"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3]], [0.5, 0.9, 0.1], int32 3, 0.5, 0.0",
        "pad_to_max_output_size=true",
        "int32[1, 2, 0], int32 2",
    )];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = padded_dim(&inputs[2], self.pad_to_max_output_size);
        Ok(vec![Shape::vector(n), Shape::scalar()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (most, overlap) = (count(inputs.int(2)?)?, threshold(&inputs, 3)?);
        let rules = Rules { most, overlap, score: inputs.number(4)? as f32, sigma: 0.0 };
        let all = chosen(&inputs, &rules)?;
        let len = padded(all.len(), most, self.pad_to_max_output_size)?;
        Ok(vec![indices(&all, len), int32(all.len())])
    }
}

attrs! {
    /// The same, with scores; those of boxes that overlap a better one may be lowered instead of
    /// leaving the boxes out.
    struct NonMaxSuppressionV5 {
        /// As many come out as were asked for.
        pad_to_max_output_size: bool = false,
    }
}

impl Op for NonMaxSuppressionV5 {
    const SPEC: Spec = Spec {
        name: "NonMaxSuppressionV5",
        inputs: &[
            "boxes: T",
            "scores: T",
            "max_output_size: int32",
            "iou_threshold: T",
            "score_threshold: T",
            "soft_nms_sigma: T",
        ],
        outputs: &["selected_indices: int32", "selected_scores: T", "valid_outputs: int32"],
        tolerance: Tolerance::Ulps(8),
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[0, 0, 1, 1], [0, 0, 1, 0.5], [2, 2, 3, 3]], [0.5, 0.9, 0.1], int32 3, 0.5, 0, 1",
        "",
        "int32[1, 0, 2], [0.9, 0.44124845, 0.1], int32 3",
    )];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = padded_dim(&inputs[2], self.pad_to_max_output_size);
        Ok(vec![Shape::vector(n), Shape::vector(n), Shape::scalar()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (most, overlap) = (count(inputs.int(2)?)?, threshold(&inputs, 3)?);
        let (score, sigma) = (inputs.number(4)? as f32, inputs.number(5)? as f32);
        ensure!(sigma >= 0.0, "a sigma of {sigma} is negative");
        let all = chosen(&inputs, &Rules { most, overlap, score, sigma })?;
        let len = padded(all.len(), most, self.pad_to_max_output_size)?;
        let mut scores: Vec<f32> = all.iter().map(|(_, score)| *score).collect();
        scores.resize(len, 0.0);
        let scores = f32::narrow(inputs.tensor(1)?.dtype(), &[len], scores);
        Ok(vec![indices(&all, len), scores.into(), int32(all.len())])
    }
}

attrs! {
    /// The same with a table of how much each two boxes overlap.
    struct NonMaxSuppressionWithOverlaps {}
}

impl Op for NonMaxSuppressionWithOverlaps {
    const SPEC: Spec = Spec {
        name: "NonMaxSuppressionWithOverlaps",
        inputs: &[
            "overlaps: float32",
            "scores: float32",
            "max_output_size: int32",
            "overlap_threshold: float32",
            "score_threshold: float32",
        ],
        outputs: &["selected_indices: int32"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 0.6], [0.6, 1]], [0.1, 0.9], int32 2, 0.5, 0", "", "int32[1]")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::of_rank(1)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (most, overlap) = (count(inputs.int(2)?)?, inputs.number(3)? as f32);
        let (overlaps, scores) = (singles(&inputs, 0)?, singles(&inputs, 1)?);
        let n = scores.len();
        ensure!(*inputs.tensor(0)?.shape() == [n, n], "the table is not {n} by {n}");
        let rules = Rules { most, overlap, score: inputs.number(4)? as f32, sigma: 0.0 };
        let all = rules.choose(&scores, |a, b| overlaps[a * n + b]);
        Ok(vec![indices(&all, all.len())])
    }
}

attrs! {
    /// The best boxes of each image over all classes, each class by itself.
    struct CombinedNonMaxSuppression {
        /// No more come out than all classes could give.
        pad_per_class: bool = false,
        /// Corners outside [0, 1] are moved to the border.
        clip_boxes: bool = true,
    }
}

/// A chosen box of one image.
struct Detection {
    corners: [f32; 4],
    score: f32,
    class: usize,
}

impl CombinedNonMaxSuppression {
    /// How many boxes come out per image.
    fn size(&self, per_class: usize, total: usize, n_classes: usize) -> usize {
        match self.pad_per_class {
            true => total.min(per_class.saturating_mul(n_classes)),
            false => total,
        }
    }

    /// The boxes of one image, `[n, q, 4]` and `[n, classes]`, best first.
    fn detections(
        &self,
        (boxes, q): (&[f32], usize),
        (scores, n_classes): (&[f32], usize),
        rules: &Rules,
    ) -> Vec<Detection> {
        let mut all = Vec::new();
        for class in 0..n_classes {
            let own: Vec<f32> = scores.iter().skip(class).step_by(n_classes).copied().collect();
            let corners = |i: usize| &boxes[(i * q + class.min(q - 1)) * 4..][..4];
            let chosen = rules.choose(&own, |a, b| intersection_over_union(corners(a), corners(b)));
            for (place, score) in chosen {
                let mut own = [0.0; 4];
                own.copy_from_slice(corners(place));
                if self.clip_boxes {
                    own = own.map(|x| x.clamp(0.0, 1.0));
                }
                all.push(Detection { corners: own, score, class });
            }
        }
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        all
    }
}

impl Op for CombinedNonMaxSuppression {
    const SPEC: Spec = Spec {
        name: "CombinedNonMaxSuppression",
        inputs: &[
            "boxes: float32",
            "scores: float32",
            "max_output_size_per_class: int32",
            "max_total_size: int32",
            "iou_threshold: float32",
            "score_threshold: float32",
        ],
        outputs: &[
            "nmsed_boxes: float32",
            "nmsed_scores: float32",
            "nmsed_classes: float32",
            "valid_detections: int32",
        ],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[[[0, 0, 1, 1]], [[0, 0, 1, 0.9]]]], [[[0.5, 0.3], [0.9, 0]]], int32 2, int32 3, 0.5, 0.1",
        "",
        "[[[0, 0, 1, 0.9], [0, 0, 1, 1], [0, 0, 0, 0]]], [[0.9, 0.3, 0]], [[0, 1, 0]], int32[2]",
    )];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let dim = |fact: &Fact, i: usize| {
            fact.dims().and_then(|dims| dims.get(i).copied()).unwrap_or(Dim::Unknown)
        };
        let batch = dim(&inputs[0], 0);
        let size = |fact: &Fact| fact.int().and_then(|n| usize::try_from(n).ok());
        let n = match (size(&inputs[2]), size(&inputs[3]), dim(&inputs[1], 2)) {
            (_, Some(total), _) if !self.pad_per_class => Dim::Known(total),
            (Some(each), Some(total), Dim::Known(n)) => Dim::Known(self.size(each, total, n)),
            _ => Dim::Unknown,
        };
        let rows: Shape = vec![batch, n].into();
        let boxes = vec![batch, n, Dim::Known(4)].into();
        Ok(vec![boxes, rows.clone(), rows, Shape::vector(batch)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (&[batch, n, q, 4], &[m, l, classes]) =
            (inputs.tensor(0)?.shape(), inputs.tensor(1)?.shape())
        else {
            fail!("boxes have 4 dims, the last of 4, and scores 3")
        };
        ensure!(batch == m && n == l, "boxes of {batch} times {n}, scores of {m} times {l}");
        ensure!(q == 1 || q == classes, "boxes of {q} classes, scores of {classes}");
        let (most, total) = (count(inputs.int(2)?)?, count(inputs.int(3)?)?);
        ensure!(total > 0, "no box is asked for");
        let overlap = threshold(&inputs, 4)?;
        let rules = Rules { most, overlap, score: inputs.number(5)? as f32, sigma: 0.0 };
        let size = self.size(most, total, classes);
        checked_len(&[batch, size, 4])?;
        let (boxes, scores) = (singles(&inputs, 0)?, singles(&inputs, 1)?);
        let mut out = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for image in 0..batch {
            let boxes = &boxes[image * n * q * 4..][..n * q * 4];
            let scores = &scores[image * n * classes..][..n * classes];
            let mut all = self.detections((boxes, q), (scores, classes), &rules);
            all.truncate(size);
            out.3.push(i32::try_from(all.len()).unwrap_or(i32::MAX));
            all.resize_with(size, || Detection { corners: [0.0; 4], score: 0.0, class: 0 });
            for one in all {
                out.0.extend(one.corners);
                out.1.push(one.score);
                out.2.push(one.class as f32);
            }
        }
        Ok(vec![
            DenseTensor::new(&[batch, size, 4], out.0).into(),
            DenseTensor::new(&[batch, size], out.1).into(),
            DenseTensor::new(&[batch, size], out.2).into(),
            i64::narrow(DType::Int32, &[batch], out.3.into_iter().map(i64::from).collect()).into(),
        ])
    }
}

//! Images of another size.

use tensorferry_tensor::DType;

use crate::layers::reshaping::{resized, scaled};
use crate::lower::convolve::{channels_back, channels_last};
use crate::lower::{Call, Lowered, Size, Tensor, Value, one};

/// Height and width of the config.
fn target(c: &Call<'_, '_>) -> Lowered<(usize, usize)> {
    let size = |key: &str| c.config.size(key).and_then(|n| usize::try_from(n).ok());
    let (height, width) = (size("height"), size("width"));
    match (height, width) {
        (Some(height), Some(width)) if height > 0 && width > 0 => Ok((height, width)),
        _ => Err("height or width is missing".to_owned()),
    }
}

/// The images as a batch with the channels last.
pub(super) fn images(c: &mut Call<'_, '_>) -> Lowered<Value> {
    let x = c.x()?;
    if c.rank(x)? != 4 {
        return Err("its input is no batch of images".to_owned());
    }
    channels_last(c, x, 2)
}

pub(super) fn lower_resizing(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let how = c.config.text("interpolation").unwrap_or("bilinear").to_ascii_lowercase();
    let dtype = c.compute_dtype();
    let mut x = images(c)?;
    let wide = if how == "nearest" { dtype } else { DType::Float32 };
    x = c.cast(x, wide)?;
    let (height, width) = target(c)?;
    if c.flag("crop_to_aspect_ratio", false) {
        x = cropped_to_aspect(c, x, height, width)?;
    } else if c.flag("pad_to_aspect_ratio", false) {
        x = padded_to_aspect(c, x, height, width)?;
    }
    let y = if c.flag("antialias", false) && how != "nearest" {
        let wanted = c.shape_of_sizes(&[Size::Known(height), Size::Known(width)])?;
        scaled(c, x, wanted, &how, true)?
    } else {
        resized(c, x, &[Size::Known(height), Size::Known(width)], &how)?
    };
    let y = c.cast(y, dtype)?;
    one(channels_back(c, y, 2)?)
}

/// The largest part in the middle that has the proportions of the target.
fn cropped_to_aspect(
    c: &mut Call<'_, '_>,
    x: Value,
    height: usize,
    width: usize,
) -> Lowered<Value> {
    let (h, w) = (c.known_dim(x, 1)?, c.known_dim(x, 2)?);
    let (own_h, own_w) = aspect((h, w), (height, width));
    let (own_h, own_w) = (own_h.min(h), own_w.min(w));
    let x = middle(c, x, 1, h, own_h)?;
    middle(c, x, 2, w, own_w)
}

/// Height for the width and width for the height, in the proportions of the target; Keras computes
/// in single precision.
fn aspect((h, w): (usize, usize), (height, width): (usize, usize)) -> (usize, usize) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size times a proportion is a size"
    )]
    let part = |n: usize, by: usize| (n as f32 / by as f32) as usize;
    (part(w * height, width), part(h * width, height))
}

fn middle(c: &mut Call<'_, '_>, x: Value, axis: usize, n: usize, kept: usize) -> Lowered<Value> {
    let from = i64::try_from((n - kept) / 2).map_err(|e| e.to_string())?;
    let to = i64::try_from(kept).map_err(|e| e.to_string())? + from;
    c.cut(x, axis, (from, Some(to), 1))
}

fn padded_to_aspect(c: &mut Call<'_, '_>, x: Value, height: usize, width: usize) -> Lowered<Value> {
    let (h, w) = (c.known_dim(x, 1)?, c.known_dim(x, 2)?);
    let (own_h, own_w) = aspect((h, w), (height, width));
    // Keras pads as much behind as before, which may be one too few.
    let (up, left) = ((own_h.max(h) - h) / 2, (own_w.max(w) - w) / 2);
    let fill = c.config.number("fill_value").unwrap_or(0.0);
    if c.config.text("fill_mode").is_some_and(|mode| mode != "constant") {
        return Err("fill_mode is not constant".to_owned());
    }
    c.pad(x, &[(0, 0), (up, up), (left, left), (0, 0)], Some(fill))
}

/// The middle of an image that is large enough; another one is cropped to the proportions of the
/// target and resized.
pub(super) fn lower_center_crop(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let dtype = c.compute_dtype();
    let x = images(c)?;
    let x = c.cast(x, dtype)?;
    let (height, width) = target(c)?;
    let (h, w) = (c.known_dim(x, 1)?, c.known_dim(x, 2)?);
    let y = if h >= height && w >= width {
        let y = middle(c, x, 1, h, height)?;
        middle(c, y, 2, w, width)?
    } else {
        fitted(c, x, height, width)?
    };
    one(channels_back(c, y, 2)?)
}

/// Keras 2 resizes where it does not train; Keras 3 leaves the image as it is.
pub(super) fn lower_random_crop(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    if c.is_keras3() {
        return one(c.x()?);
    }
    let dtype = c.compute_dtype();
    let x = images(c)?;
    let x = c.cast(x, dtype)?;
    let (height, width) = target(c)?;
    one(fitted(c, x, height, width)?)
}

fn fitted(c: &mut Call<'_, '_>, x: Value, height: usize, width: usize) -> Lowered<Value> {
    let x = cropped_to_aspect(c, x, height, width)?;
    resized(c, x, &[Size::Known(height), Size::Known(width)], "bilinear")
}

/// Layers that change images only while training give them in the type that they compute in.
pub(super) fn lower_augmentation(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    one(c.cast(x, dtype)?)
}

/// The range that the values of an image are in.
pub(super) fn value_range(c: &Call<'_, '_>) -> Lowered<(f64, f64)> {
    let range = c.config.get("value_range").and_then(|range| range.as_array());
    let range: Option<Vec<f64>> =
        range.map(|all| all.iter().filter_map(serde_json::Value::as_f64).collect());
    let range = range.unwrap_or_else(|| vec![0.0, 255.0]);
    let [from, to] = range[..] else { return Err("value_range is broken".to_owned()) };
    Ok((from, to))
}

/// Each channel of each image from the lowest value of the range to the highest; a channel of one
/// value stays as it is.
pub(super) fn lower_auto_contrast(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    let x = c.cast(x, dtype)?;
    let (from, to) = value_range(c)?;
    let wide = in_range(c, x, (from, to), (0.0, 255.0))?;
    let low = c.reduce("Min", wide, &[1, 2], true)?;
    let high = c.reduce("Max", wide, &[1, 2], true)?;
    let most = c.like(wide, 255.0)?;
    let span = c.sub(high, low)?;
    let scale = c.div(most, span)?;
    let offset = c.mul(low, scale)?;
    let y = c.mul(wide, scale)?;
    let y = c.sub(y, offset)?;
    let y = c.clip(y, 0.0, 255.0)?;
    let y = in_range(c, y, (0.0, 255.0), (from, to))?;
    let is_flat = c.unary("IsNan", y)?;
    one(c.select(is_flat, x, y)?)
}

/// From one range of values to another.
pub(super) fn in_range(
    c: &mut Call<'_, '_>,
    x: Value,
    from: (f64, f64),
    to: (f64, f64),
) -> Lowered<Value> {
    if from == to {
        return Ok(x);
    }
    let x = c.shift(x, -from.0)?;
    let span = c.like(x, from.1 - from.0)?;
    let x = c.div(x, span)?;
    let x = c.scale(x, to.1 - to.0)?;
    c.shift(x, to.0)
}

/// One layer after the other.
pub(super) fn lower_pipeline(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let layers = c.config.get("layers").and_then(serde_json::Value::as_array);
    let mut x = c.x()?;
    for layer in layers.ok_or("its layers are not described")? {
        let described = layer.as_object().ok_or("one of its layers is not described")?;
        x = c.call_other(described, x)?;
    }
    one(x)
}

//! Gradients of sliding windows.

use tensorferry_tensor::DenseTensor;

use super::pooling::{pooling, windows};
use crate::def::case;
use crate::wide::Narrow;
use crate::window::Sliding;
use crate::{Args, Result, Tolerance, Value, checked_len};

register![AvgPoolGrad, MaxPoolGrad];

const SUMS: Tolerance = Tolerance::Close { rel: 1e-6, abs: 1e-6 };

/// Images as numbers with their channels last.
fn last(sliding: &Sliding, x: &DenseTensor) -> Result<(DenseTensor, Vec<f64>)> {
    let x = sliding.to_channels_last(x.clone());
    let all = x.to_f64().filter(|_| x.dtype().is_float());
    let all = all.ok_or_else(|| crate::rows::refused(x.dtype()))?;
    Ok((x, all))
}

/// The shape of images, from that of the input in the order of the format.
fn image_shape(sliding: &Sliding, shape: &[usize]) -> Result<[usize; 4]> {
    match (sliding.is_channels_first, shape) {
        (false, &[n, h, w, c]) | (true, &[n, c, h, w]) => {
            checked_len(shape)?;
            Ok([n, h, w, c])
        }
        _ => fail!("images have 4 dims, not {}", shape.len()),
    }
}

/// Adds up what each window's gradient gives to the pixels inside, one channel after the other:
/// `give` has the gradient, the places in the image and the sums.
fn spread(
    (sliding, sizes): &(Sliding, Vec<usize>),
    shape: [usize; 4],
    dy: &DenseTensor,
    give: impl Fn(f64, &[usize], &mut [f64]),
) -> Result<Value> {
    let [n, h, w, c] = shape;
    let axes = sliding.axes(&[h, w], sizes)?;
    let (last_dy, all) = last(sliding, dy)?;
    let expected = [n, axes[1].output, axes[2].output, c];
    ensure!(
        last_dy.shape() == expected,
        "a gradient of shape {:?}, expected {expected:?}",
        last_dy.shape()
    );
    let mut sums = vec![0.0; n * h * w * c];
    windows(n, &axes, |to, image, pixels| {
        for channel in 0..c {
            let place = |pixel: &usize| (image * h * w + pixel) * c + channel;
            let places: Vec<usize> = pixels.iter().map(place).collect();
            give(all[to * c + channel], &places, &mut sums);
        }
    });
    Ok(sliding.restored(f64::narrow(dy.dtype(), &shape, sums)).into())
}

/// The gradient of a mean is the same for all elements of the window.
fn mean(window: &(Sliding, Vec<usize>), x: &Args) -> Result<Value> {
    let shape = image_shape(&window.0, &x.sizes(0)?)?;
    spread(window, shape, x.tensor(1)?, |dy, places, sums| {
        let part = dy / places.len().max(1) as f64;
        places.iter().for_each(|place| sums[*place] += part);
    })
}

/// The gradient of the largest element is the first one's that is as large.
fn largest(window: &(Sliding, Vec<usize>), x: &Args) -> Result<Value> {
    let (images, all) = last(&window.0, x.tensor(0)?)?;
    let &[n, h, w, c] = images.shape() else { fail!("images have 4 dims") };
    spread(window, [n, h, w, c], x.tensor(2)?, |dy, places, sums| {
        let most = places.iter().copied().reduce(|a, b| if all[b] > all[a] { b } else { a });
        if let Some(most) = most {
            sums[most] += dy;
        }
    })
}

op! {
    /// The gradient of `AvgPool`.
    AvgPoolGrad = "AvgPoolGrad", Pure within SUMS; {
        /// The window's size along each axis of the input.
        ksize: Vec<i64>,
        /// Its step along each axis.
        strides: Vec<i64>,
        /// `SAME` or `VALID`.
        padding: String,
        /// Channels last, or right after the batch.
        data_format: String = "NHWC".to_owned(),
    }
    ("orig_input_shape: int32", "grad: T") -> ("output: T")
    [case("int32[1, 1, 3, 1], [[[[2], [4]]]]",
        "ksize=[1, 1, 2, 1], strides=[1, 1, 1, 1], padding=\"VALID\"", "[[[[1], [3], [2]]]]")]
    infer(op, x) { Ok(vec![x[0].as_shape()]) }
    eval(op, x, context) {
        let window = pooling(2, &op.ksize, &op.strides, &op.padding, &[], &op.data_format)?;
        Ok(vec![mean(&window, &x)?])
    }
}

op! {
    /// The gradient of `MaxPool`.
    MaxPoolGrad = "MaxPoolGrad", Pure within SUMS; {
        /// The window's size along each axis of the input.
        ksize: Vec<i64>,
        /// Its step along each axis.
        strides: Vec<i64>,
        /// `SAME`, `VALID` or `EXPLICIT`.
        padding: String,
        /// Elements before and after each axis, for `EXPLICIT`.
        explicit_paddings: Vec<i64> = Vec::new(),
        /// Channels last, or right after the batch.
        data_format: String = "NHWC".to_owned(),
    }
    ("orig_input: T", "orig_output: T", "grad: T") -> ("output: T")
    [case("[[[[1], [5], [5]]]], [[[[5], [5]]]], [[[[2], [4]]]]",
        "ksize=[1, 1, 2, 1], strides=[1, 1, 1, 1], padding=\"VALID\"", "[[[[0], [6], [0]]]]")]
    infer(op, x) { Ok(vec![x[0].shape.clone()]) }
    eval(op, x, context) {
        let explicit = &op.explicit_paddings;
        let window = pooling(2, &op.ksize, &op.strides, &op.padding, explicit, &op.data_format)?;
        Ok(vec![largest(&window, &x)?])
    }
}

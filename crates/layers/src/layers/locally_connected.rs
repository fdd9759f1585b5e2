//! `LocallyConnected1D` and `LocallyConnected2D` of Keras 2.

use crate::def::{LayerDef, Tfjs};
use crate::layers::convolutional::convolved;
use crate::layers::weights::kernel_and_bias;
use crate::lower::convolve::{Sliding, channels_back, channels_last};
use crate::lower::{Call, Lowered, Size, Tensor, Value, one};

const LOCALLY_CONNECTED: LayerDef =
    LayerDef { variables: kernel_and_bias, tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "LocallyConnected1D",
        output_shapes: |config, inputs| convolved(config, inputs, 1),
        lower: Some(|c| lower_locally(c, 1)),
        ..LOCALLY_CONNECTED
    },
    LayerDef {
        class_name: "LocallyConnected2D",
        output_shapes: |config, inputs| convolved(config, inputs, 2),
        lower: Some(|c| lower_locally(c, 2)),
        ..LOCALLY_CONNECTED
    },
];

/// A kernel of its own for each place of the output: patches times kernels.
///
/// `implementation=1` stores the kernels as `[places, window * in, filters]`; the two others store
/// one matrix of everything by everything, full or sparse.
fn lower_locally(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    if c.config.size("implementation").unwrap_or(1) != 1 {
        return Err("implementation=2 and 3 store the kernel in another way".to_owned());
    }
    let sliding = Sliding::of(c, "kernel_size", spatial)?;
    let x = c.x()?;
    let x = channels_last(c, x, spatial)?;
    let is_first = c.is_channels_first();
    let mut lengths = Vec::new();
    for (axis, window) in (1..).zip(&sliding.windows) {
        let length = c.known_dim(x, axis)? as u64;
        let steps =
            window.slide(Some(length), "valid").flatten().ok_or("the window is too large")?;
        lengths.push(usize::try_from(steps).map_err(|e| e.to_string())?);
    }
    let patches = patches(c, x, &sliding, &lengths, is_first)?;
    let kernel = c.weight("kernel")?;
    let filters = c.known_dim(kernel, 2)?;
    // [places, batch, window * in] times [places, window * in, filters].
    let y = c.batch_mat_mul((patches, false), (kernel, false))?;
    let y = c.transpose(y, &[1, 0, 2])?;
    let batch = c.size(x, 0)?;
    let sizes: Vec<Size> = [batch]
        .into_iter()
        .chain(lengths.into_iter().map(Size::Known))
        .chain([Size::Known(filters)])
        .collect();
    let y = c.reshape(y, &sizes)?;
    let y = channels_back(c, y, spatial)?;
    let mut y = y;
    if c.flag("use_bias", true) {
        // One number per place and filter, in the layout of the config.
        let bias = c.weight("bias")?;
        y = c.add(y, bias)?;
    }
    one(c.activation("activation", y)?)
}

/// What each place of the output sees, flattened as Keras flattens it: channels first or last.
fn patches(
    c: &mut Call<'_, '_>,
    x: Value,
    sliding: &Sliding,
    lengths: &[usize],
    is_first: bool,
) -> Lowered<Value> {
    let spatial = lengths.len();
    let n = lengths.iter().try_fold(1_usize, |n, length| n.checked_mul(*length));
    let n = n.ok_or("the input is too large")?;
    let mut parts = Vec::new();
    for place in 0..n {
        let mut part = x;
        let mut rest = place;
        for axis in (0..spatial).rev() {
            let (at, window) = (rest % lengths[axis], &sliding.windows[axis]);
            rest /= lengths[axis];
            let from = i64::try_from(at as u64 * window.stride).map_err(|e| e.to_string())?;
            let size = i64::try_from(window.size).map_err(|e| e.to_string())?;
            part = c.cut(part, axis + 1, (from, Some(from + size), 1))?;
        }
        if is_first && spatial == 2 {
            part = c.transpose(part, &[0, 3, 1, 2])?;
        }
        let sizes = c.sizes(part)?;
        let flat = c.product(sizes.get(1..).unwrap_or_default())?;
        let batch = *sizes.first().ok_or("a scalar has no batch")?;
        parts.push(c.reshape(part, &[batch, flat])?);
    }
    c.pack(&parts, 0)
}

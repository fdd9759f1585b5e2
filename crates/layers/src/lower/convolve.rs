//! Convolutions and poolings over one to three axes, brought to the ops that TensorFlow has.
//!
//! Ops slide over images and volumes with the channels last; one axis becomes an image of height 1.

use tensorferry_ir::Attr;

use super::{Builder, Call, Lowered, Size, Value};
use crate::layers::shapes::{Window, windows};

/// What a convolution or pooling slides with.
#[derive(Debug, Clone)]
pub(crate) struct Sliding {
    pub(crate) windows: Vec<Window>,
    /// `SAME` or `VALID`.
    pub(crate) padding: &'static str,
    /// Only the past is padded.
    pub(crate) is_causal: bool,
}

impl Sliding {
    /// As the config says; `size_key` names the window's size.
    pub(crate) fn of(c: &Call<'_, '_>, size_key: &str, spatial: usize) -> Lowered<Self> {
        let windows = windows(&c.config, size_key, spatial);
        let windows =
            windows.ok_or_else(|| format!("{size_key}, strides or dilation_rate is broken"))?;
        let (padding, is_causal) = match c.config.text("padding").unwrap_or("valid") {
            "valid" => ("VALID", false),
            "same" => ("SAME", false),
            "causal" if spatial == 1 => ("VALID", true),
            other => return Err(format!("padding={other} is not known")),
        };
        Ok(Self { windows, padding, is_causal })
    }

    /// The same window, moved by one so that the size stays.
    pub(crate) fn keeping_size(&self) -> Self {
        let windows = self.windows.iter().map(|w| Window { size: w.size, stride: 1, dilation: 1 });
        Self { windows: windows.collect(), padding: "SAME", is_causal: false }
    }

    /// One number per axis of an image or volume, channels last.
    fn row(&self, of: impl Fn(&Window) -> u64) -> Attr {
        let lead = if self.windows.len() == 1 { vec![1, 1] } else { vec![1] };
        let own = self.windows.iter().map(|w| i64::try_from(of(w)).unwrap_or(i64::MAX));
        Attr::ints(&lead.into_iter().chain(own).chain([1]).collect::<Vec<i64>>())
    }

    fn spatial(&self) -> usize {
        self.windows.len()
    }

    fn attrs(&self) -> Vec<(&'static str, Attr)> {
        let format = if self.spatial() == 3 { "NDHWC" } else { "NHWC" };
        vec![
            ("strides", self.row(|w| w.stride)),
            ("padding", Attr::text(self.padding)),
            ("data_format", Attr::text(format)),
        ]
    }
}

/// Moves the channels behind the spatial axes when the config has them first.
pub(crate) fn channels_last(c: &mut Call<'_, '_>, x: Value, spatial: usize) -> Lowered<Value> {
    if !c.is_channels_first() {
        return Ok(x);
    }
    let lead = lead_axes(c, x, spatial)?;
    let order: Vec<usize> = (0..lead).chain(lead + 1..lead + 1 + spatial).chain([lead]).collect();
    c.transpose(x, &order)
}

/// Moves the channels back to where the config has them.
pub(crate) fn channels_back(c: &mut Call<'_, '_>, x: Value, spatial: usize) -> Lowered<Value> {
    if !c.is_channels_first() {
        return Ok(x);
    }
    let lead = lead_axes(c, x, spatial)?;
    let order: Vec<usize> = (0..lead).chain([lead + spatial]).chain(lead..lead + spatial).collect();
    c.transpose(x, &order)
}

fn lead_axes(b: &Builder, x: Value, spatial: usize) -> Lowered<usize> {
    let rank = b.rank(x)?;
    let lead = rank.checked_sub(spatial + 1).filter(|lead| *lead >= 1);
    lead.ok_or_else(|| format!("an input of rank {rank} has no {spatial} spatial axes"))
}

/// Does `f` with all axes before the spatial ones joined into one, as Keras does for more than one.
pub(crate) fn with_one_batch(
    b: &mut Builder,
    x: Value,
    spatial: usize,
    f: impl FnOnce(&mut Builder, Value) -> Lowered<Value>,
) -> Lowered<Value> {
    let lead = lead_axes(b, x, spatial)?;
    if lead == 1 {
        return f(b, x);
    }
    let sizes = b.sizes(x)?;
    let batch = b.product(sizes.get(..lead).unwrap_or_default())?;
    let joined: Vec<Size> =
        [batch].into_iter().chain(sizes.get(lead..).unwrap_or_default().iter().copied()).collect();
    let x = b.reshape(x, &joined)?;
    let y = f(b, x)?;
    let after = b.sizes(y)?;
    let apart = sizes.get(..lead).unwrap_or_default().iter();
    let apart: Vec<Size> = apart.chain(after.get(1..).unwrap_or_default()).copied().collect();
    b.reshape(y, &apart)
}

/// A convolution, channels last.
pub(crate) fn conv(b: &mut Builder, x: Value, kernel: Value, sliding: &Sliding) -> Lowered<Value> {
    let spatial = sliding.spatial();
    let x = causal(b, x, sliding)?;
    let mut attrs = sliding.attrs();
    attrs.push(("dilations", sliding.row(|w| w.dilation)));
    with_one_batch(b, x, spatial, |b, x| match spatial {
        1 => as_image(b, x, kernel, |b, x, kernel| b.one("Conv2D", &[x, kernel], &attrs)),
        2 => b.one("Conv2D", &[x, kernel], &attrs),
        _ => b.one("Conv3D", &[x, kernel], &attrs),
    })
}

/// A convolution of each channel by itself, channels last.
pub(crate) fn depthwise(
    b: &mut Builder,
    x: Value,
    kernel: Value,
    sliding: &Sliding,
) -> Lowered<Value> {
    let spatial = sliding.spatial();
    let x = causal(b, x, sliding)?;
    let mut attrs = sliding.attrs();
    attrs.push(("dilations", sliding.row(|w| w.dilation)));
    const OP: &str = "DepthwiseConv2dNative";
    with_one_batch(b, x, spatial, |b, x| match spatial {
        1 => as_image(b, x, kernel, |b, x, kernel| b.one(OP, &[x, kernel], &attrs)),
        _ => b.one(OP, &[x, kernel], &attrs),
    })
}

/// Pads the past, when only that is seen.
fn causal(b: &mut Builder, x: Value, sliding: &Sliding) -> Lowered<Value> {
    let Some(window) = sliding.windows.first().filter(|_| sliding.is_causal) else { return Ok(x) };
    let past = window.size.saturating_sub(1).saturating_mul(window.dilation);
    let past = usize::try_from(past).map_err(|e| e.to_string())?;
    let rank = b.rank(x)?;
    let pairs: Vec<(usize, usize)> =
        (0..rank).map(|axis| if axis + 2 == rank { (past, 0) } else { (0, 0) }).collect();
    b.pad(x, &pairs, None)
}

/// Does `f` with a sequence as an image of height 1.
fn as_image(
    b: &mut Builder,
    x: Value,
    kernel: Value,
    f: impl FnOnce(&mut Builder, Value, Value) -> Lowered<Value>,
) -> Lowered<Value> {
    let (x, kernel) = (b.expand(x, 1)?, b.expand(kernel, 0)?);
    let y = f(b, x, kernel)?;
    b.squeeze(y, 1)
}

/// A transposed convolution, channels last. The kernel is `[..., out, in]`.
pub(crate) fn conv_transpose(
    b: &mut Builder,
    x: Value,
    kernel: Value,
    sliding: &Sliding,
    extra: Option<&[u64]>,
) -> Lowered<Value> {
    let spatial = sliding.spatial();
    let out = b.known_dim(kernel, spatial)?;
    let sizes = b.sizes(x)?;
    let mut wanted = vec![*sizes.first().ok_or("a scalar has no batch")?];
    if spatial == 1 {
        wanted.push(Size::Known(1));
    }
    for (i, window) in sliding.windows.iter().enumerate() {
        let size = *sizes.get(i + 1).ok_or("the input has too few axes")?;
        let extra = match extra {
            Some(extra) => Some(*extra.get(i).ok_or("output_padding is too short")?),
            None => None,
        };
        wanted.push(spread(b, size, *window, sliding.padding, extra)?);
    }
    wanted.push(Size::Known(out));
    let shape = b.shape_of_sizes(&wanted)?;
    let mut attrs = sliding.attrs();
    attrs.push(("dilations", sliding.row(|w| w.dilation)));
    let dims = |all: &[Size]| -> tensorferry_ir::Shape {
        let dim = |size: &Size| match size {
            Size::Known(n) => tensorferry_ir::Dim::Known(*n),
            Size::Computed(_) => tensorferry_ir::Dim::Unknown,
        };
        all.iter().map(dim).collect::<Vec<_>>().into()
    };
    let known = dims(&wanted);
    let made = |b: &mut Builder, op: &str, x: Value, kernel: Value| {
        let y = b.one(op, &[shape, kernel, x], &attrs)?;
        b.assume_shape(y, &known);
        Ok(y)
    };
    match spatial {
        1 => as_image(b, x, kernel, |b, x, kernel| made(b, "Conv2DBackpropInput", x, kernel)),
        2 => made(b, "Conv2DBackpropInput", x, kernel),
        _ => made(b, "Conv3DBackpropInputV2", x, kernel),
    }
}

/// The size after a transposed convolution, known or computed.
fn spread(
    b: &mut Builder,
    size: Size,
    window: Window,
    padding: &str,
    extra: Option<u64>,
) -> Lowered<Size> {
    let padding = if padding == "SAME" { "same" } else { "valid" };
    let told = || "strides or output_padding do not go together".to_owned();
    match size {
        Size::Known(n) => {
            let n = window.spread(Some(n as u64), padding, extra).flatten().ok_or_else(told)?;
            Ok(Size::Known(usize::try_from(n).map_err(|e| e.to_string())?))
        }
        Size::Computed(value) => {
            // It is linear in the size: its value at 1 tells the rest.
            let at_one = window.spread(Some(1), padding, extra).flatten().ok_or_else(told)?;
            let stride = b.like(value, window.stride as f64)?;
            let offset = b.like(value, at_one as f64 - window.stride as f64)?;
            let scaled = b.mul(value, stride)?;
            Ok(Size::Computed(b.add(scaled, offset)?))
        }
    }
}

/// `Max` or `Avg` over windows, channels last.
pub(crate) fn pool(b: &mut Builder, kind: &str, x: Value, sliding: &Sliding) -> Lowered<Value> {
    let mut attrs = sliding.attrs();
    attrs.push(("ksize", sliding.row(|w| w.size)));
    match sliding.spatial() {
        1 => {
            let x = b.expand(x, 1)?;
            let y = b.one(&format!("{kind}Pool"), &[x], &attrs)?;
            b.squeeze(y, 1)
        }
        2 => b.one(&format!("{kind}Pool"), &[x], &attrs),
        _ => b.one(&format!("{kind}Pool3D"), &[x], &attrs),
    }
}

//! Convolutions of images.

use tensorferry_kernels::{
    DepthwiseFilter, Finish, Image, Packed, Post, Tools, Workers, conv2d, depthwise2d,
};
use tensorferry_tensor::DenseTensor;

use super::{absorb, constant, is_f32, known};
use crate::way::operands;
use crate::window::{Padding, Sliding};
use crate::{Args, Border, Fact, Kernel, Result, Value, Way, checked_len};

/// The windows of `x`, whose channels are last.
pub(crate) fn image(sliding: &Sliding, x: &[usize], window: [usize; 2]) -> Result<Image> {
    let &[n, height, width, channels] = x else {
        fail!("images have 4 dims, not {}", x.len());
    };
    let [_, rows, columns] = sliding.axes(&[height, width], &window)?;
    for axis in [rows, columns] {
        let reach = axis.window.saturating_mul(axis.dilation);
        let sum = axis.before.saturating_add(axis.input).saturating_add(reach);
        ensure!(sum.saturating_add(axis.stride) < 1 << 30, "the window is too large");
    }
    Ok(Image {
        n,
        height,
        width,
        channels,
        window,
        stride: [rows.stride, columns.stride],
        dilation: [rows.dilation, columns.dilation],
        before: [rows.before, columns.before],
        output: [rows.output, columns.output],
    })
}

/// A filter with known dims for images of a known number of channels.
fn dims(sliding: &Sliding, inputs: &[Fact]) -> Option<[usize; 4]> {
    let [x, filter, ..] = inputs else { return None };
    let is_taken = is_f32(x) && is_f32(filter) && x.rank()? == 4 && sliding.strides.len() == 2;
    let dims: [usize; 4] = filter.shape.known()?.try_into().ok()?;
    let channels = match sliding.is_channels_first {
        true => known(x.dims()?.get(1))?,
        false => known(x.dims()?.last())?,
    };
    (is_taken && channels == dims[2] && dims.iter().all(|dim| *dim > 0)).then_some(dims)
}

/// Zeros around the images become padding, where there is none or some was given.
fn widen(sliding: &mut Sliding, border: &Border) -> bool {
    if sliding.is_channels_first {
        return false;
    }
    let mut all = match &sliding.padding {
        Padding::Same => return false,
        Padding::Valid => vec![(0, 0); 2],
        Padding::Explicit(all) => all.clone(),
    };
    for (i, (before, after)) in all.iter_mut().enumerate() {
        *before = before.saturating_add(border.before[i]);
        *after = after.saturating_add(border.after[i]);
    }
    sliding.padding = Padding::Explicit(all);
    true
}

/// What both kinds of convolution do around their arithmetic.
struct Around<'a> {
    image: &'a Image,
    /// Channels that come out.
    channels: usize,
    /// The first input that belongs to what follows.
    first: usize,
    finish: &'a Finish,
}

impl Around<'_> {
    /// What `compute` writes, from the elements of `x` and the operands of what follows.
    fn run(
        &self,
        x: &DenseTensor,
        inputs: &Args,
        tools: &mut Tools,
        compute: impl FnOnce(&Workers, &[f32], &[&[f32]], &mut [f32]),
    ) -> Result<DenseTensor> {
        let [rows, columns] = self.image.output;
        let shape = [self.image.n, rows, columns, self.channels];
        let len = checked_len(&shape)?;
        let operands = operands(&self.finish.posts, inputs, self.first, (len, self.channels))?;
        let all = x.as_slice().ok_or_else(|| crate::rows::refused(x.dtype()))?;
        let mut out = tools.buffers.take(len);
        compute(&tools.workers, all, &operands, &mut out);
        Ok(DenseTensor::new(&shape, out))
    }
}

/// A convolution in one group.
pub(crate) fn conv(sliding: Result<Sliding>, inputs: &[Fact]) -> Option<Way> {
    let sliding = sliding.ok()?;
    let dims = dims(&sliding, inputs)?;
    let filter = constant(&inputs[1]).map(|all| pack(all, dims));
    let taken = if filter.is_some() { vec![0] } else { vec![0, 1] };
    Some(Way::new(taken, Conv { sliding, dims, filter, finish: Finish::default() }))
}

fn pack(filter: &[f32], [rows, columns, channels, out]: [usize; 4]) -> Packed {
    Packed::new(filter, rows * columns * channels, out, (out, 1))
}

#[derive(Debug)]
struct Conv {
    sliding: Sliding,
    dims: [usize; 4],
    /// The filter, when it is constant.
    filter: Option<Packed>,
    finish: Finish,
}

impl Kernel for Conv {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let x = self.sliding.to_channels_last(inputs.tensor(0)?.clone());
        let [rows, columns, _, out_channels] = self.dims;
        let image = image(&self.sliding, x.shape(), [rows, columns])?;
        let late;
        let filter = match &self.filter {
            Some(filter) => filter,
            None => {
                let filter = inputs.tensor(1)?;
                ensure!(filter.shape() == self.dims, "a filter of shape {:?}", filter.shape());
                late = pack(inputs.slice(1)?, self.dims);
                &late
            }
        };
        ensure!(image.channels == self.dims[2], "images of {} channels", image.channels);
        let first = if self.filter.is_some() { 1 } else { 2 };
        let around = Around { image: &image, channels: out_channels, first, finish: &self.finish };
        let y = around.run(&x, inputs, tools, |workers, all, operands, out| {
            conv2d(workers, &image, all, filter, &self.finish, operands, out);
        })?;
        Ok(vec![self.sliding.restored(y).into()])
    }

    fn absorb(&mut self, post: &Post) -> bool {
        // What follows knows channels as the last axis.
        !self.sliding.is_channels_first
            && absorb(self.filter.as_mut(), &mut self.finish, self.dims[3], post)
    }

    fn widen(&mut self, border: &Border) -> bool {
        widen(&mut self.sliding, border)
    }
}

/// A depthwise convolution with as many channels out as in.
pub(crate) fn depthwise(sliding: Result<Sliding>, inputs: &[Fact]) -> Option<Way> {
    let sliding = sliding.ok()?;
    let dims = dims(&sliding, inputs).filter(|dims| dims[3] == 1)?;
    let filter = constant(&inputs[1]).map(|all| DepthwiseFilter::new(all.to_vec(), dims[2]));
    let taken = if filter.is_some() { vec![0] } else { vec![0, 1] };
    Some(Way::new(taken, Depthwise { sliding, dims, filter, finish: Finish::default() }))
}

#[derive(Debug)]
struct Depthwise {
    sliding: Sliding,
    dims: [usize; 4],
    filter: Option<DepthwiseFilter>,
    finish: Finish,
}

impl Kernel for Depthwise {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let x = self.sliding.to_channels_last(inputs.tensor(0)?.clone());
        let [rows, columns, channels, _] = self.dims;
        let image = image(&self.sliding, x.shape(), [rows, columns])?;
        ensure!(image.channels == channels, "images of {} channels", image.channels);
        let late;
        let filter = match &self.filter {
            Some(filter) => filter,
            None => {
                let filter = inputs.tensor(1)?;
                ensure!(filter.shape() == self.dims, "a filter of shape {:?}", filter.shape());
                late = DepthwiseFilter::new(inputs.slice::<f32>(1)?.to_vec(), channels);
                &late
            }
        };
        let first = if self.filter.is_some() { 1 } else { 2 };
        let around = Around { image: &image, channels, first, finish: &self.finish };
        let y = around.run(&x, inputs, tools, |workers, all, operands, out| {
            depthwise2d(workers, &image, all, filter, &self.finish, operands, out);
        })?;
        Ok(vec![self.sliding.restored(y).into()])
    }

    fn absorb(&mut self, post: &Post) -> bool {
        !self.sliding.is_channels_first
            && absorb(self.filter.as_mut(), &mut self.finish, self.dims[2], post)
    }

    fn widen(&mut self, border: &Border) -> bool {
        widen(&mut self.sliding, border)
    }
}

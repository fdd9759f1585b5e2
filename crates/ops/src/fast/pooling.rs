//! Pooling of images.

use tensorferry_kernels::{PoolKind, Tools, pool2d};
use tensorferry_tensor::DenseTensor;

use super::conv::image;
use super::is_f32;
use crate::window::Sliding;
use crate::{Args, Fact, Kernel, Result, Value, Way, checked_len};

/// Pooling over two axes.
pub(crate) fn pool(
    window: Result<(Sliding, Vec<usize>)>,
    kind: PoolKind,
    inputs: &[Fact],
) -> Option<Way> {
    let (sliding, sizes) = window.ok()?;
    let x = inputs.first()?;
    let sizes: [usize; 2] = sizes.try_into().ok()?;
    let is_taken = is_f32(x) && x.rank() == Some(4);
    is_taken.then(|| Way::new(vec![0], Pool { sliding, sizes, kind }))
}

#[derive(Debug)]
struct Pool {
    sliding: Sliding,
    sizes: [usize; 2],
    kind: PoolKind,
}

impl Kernel for Pool {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let x = self.sliding.to_channels_last(inputs.tensor(0)?.clone());
        let image = image(&self.sliding, x.shape(), self.sizes)?;
        let shape = [image.n, image.output[0], image.output[1], image.channels];
        let mut out = tools.buffers.take(checked_len(&shape)?);
        let all = x.as_slice().ok_or_else(|| crate::rows::refused(x.dtype()))?;
        pool2d(&tools.workers, &image, self.kind, all, &mut out);
        Ok(vec![self.sliding.restored(DenseTensor::new(&shape, out)).into()])
    }
}

//! Products of matrices.

use tensorferry_kernels::{Finish, Packed, Post, Tools, gemm};
use tensorferry_tensor::DenseTensor;

use super::{absorb, constant, is_f32};
use crate::families::matrices::Product;
use crate::walk::transposed;
use crate::way::operands;
use crate::{Args, Fact, Kernel, Result, Value, Way, checked_len};

/// Two matrices, each transposed first if so asked.
pub(crate) fn matmul(flip_a: bool, flip_b: bool, inputs: &[Fact]) -> Option<Way> {
    let [a, b, ..] = inputs else { return None };
    if !is_f32(a) || !is_f32(b) || a.rank() != Some(2) || b.rank() != Some(2) {
        return None;
    }
    let finish = Finish::default();
    Some(match (constant(b), b.shape.known()) {
        (Some(all), Some(dims)) => {
            let weights = pack(all, [dims[0], dims[1]], flip_b);
            Way::new(vec![0], MatMul { flip_a, flip_b, weights: Some(weights), finish })
        }
        _ => Way::new(vec![0, 1], MatMul { flip_a, flip_b, weights: None, finish }),
    })
}

fn pack(b: &[f32], dims: [usize; 2], flip: bool) -> Packed {
    match flip {
        true => Packed::new(b, dims[1], dims[0], (1, dims[1])),
        false => Packed::new(b, dims[0], dims[1], (dims[1], 1)),
    }
}

#[derive(Debug)]
struct MatMul {
    flip_a: bool,
    flip_b: bool,
    /// The second matrix, when it is constant.
    weights: Option<Packed>,
    finish: Finish,
}

impl Kernel for MatMul {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let a = inputs.tensor(0)?;
        let late;
        let weights = match &self.weights {
            Some(weights) => weights,
            None => {
                let b = inputs.tensor(1)?;
                let &[rows, columns] = b.shape() else { fail!("matrices have 2 dims") };
                late = pack(inputs.slice(1)?, [rows, columns], self.flip_b);
                &late
            }
        };
        let flat = Product::new(a.shape(), &[weights.k(), weights.n()], self.flip_a, false)?;
        let flipped = self.flip_a.then(|| transposed(a, &[1, 0]));
        let rows = flipped.as_ref().unwrap_or(a);
        let rows: &[f32] = rows.as_slice().ok_or_else(|| crate::rows::refused(a.dtype()))?;
        let first = if self.weights.is_some() { 1 } else { 2 };
        let len = flat.m * flat.n;
        let operands = operands(&self.finish.posts, inputs, first, (len, flat.n))?;
        let mut out = tools.buffers.take(len);
        gemm(&tools.workers, rows, weights, &self.finish, &operands, &mut out);
        Ok(vec![DenseTensor::new(&[flat.m, flat.n], out).into()])
    }

    fn absorb(&mut self, post: &Post) -> bool {
        // The number of columns of a product with anything is not known; a step says it.
        let columns = self.weights.as_ref().map(Packed::n);
        match columns {
            Some(n) => absorb(self.weights.as_mut(), &mut self.finish, n, post),
            None => {
                self.finish.push(post.clone());
                true
            }
        }
    }
}

/// Two stacks of matrices.
pub(crate) fn batch_matmul(flip_a: bool, flip_b: bool, inputs: &[Fact]) -> Option<Way> {
    let [a, b] = inputs else { return None };
    let is_taken = is_f32(a) && is_f32(b) && a.rank()? >= 2 && b.rank()? >= 2;
    if !is_taken {
        return None;
    }
    let matrix = constant(b).filter(|_| b.rank() == Some(2)).zip(b.shape.known());
    Some(match matrix {
        // One constant matrix for the whole stack.
        Some((all, dims)) => {
            let weights = Some(pack(all, [dims[0], dims[1]], flip_b));
            Way::new(vec![0], Stacks { flip_a, flip_b, weights })
        }
        None => Way::new(vec![0, 1], Stacks { flip_a, flip_b, weights: None }),
    })
}

#[derive(Debug)]
struct Stacks {
    flip_a: bool,
    flip_b: bool,
    weights: Option<Packed>,
}

impl Kernel for Stacks {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let a = inputs.tensor(0)?;
        let (stack_a, dims_a) = a.shape().split_at(a.rank() - 2);
        let (stack_b, dims_b) = match &self.weights {
            Some(weights) => (&[][..], [weights.k(), weights.n()]),
            None => {
                let shape = inputs.tensor(1)?.shape();
                let (stack, dims) = shape.split_at(shape.len() - 2);
                (stack, if self.flip_b { [dims[1], dims[0]] } else { [dims[0], dims[1]] })
            }
        };
        let flat = Product::new(dims_a, &dims_b, self.flip_a, false)?;
        let stacks = crate::broadcast::Broadcast::new(stack_a, stack_b)?;
        let mut shape = stacks.shape.clone();
        shape.extend([flat.m, flat.n]);
        let mut out = tools.buffers.take(checked_len(&shape)?);
        let flipped = self.flip_a.then(|| {
            let mut order: Vec<usize> = (0..a.rank()).collect();
            order.swap(a.rank() - 2, a.rank() - 1);
            transposed(a, &order)
        });
        let rows = flipped.as_ref().unwrap_or(a);
        let rows: &[f32] = rows.as_slice().ok_or_else(|| crate::rows::refused(a.dtype()))?;
        let count = |dims: &[usize]| (0..dims.iter().product()).collect::<Vec<usize>>();
        let pairs = stacks.map(&count(stack_a), &count(stack_b), |a, b| (a, b));
        let (size_a, size_b) = (flat.m * flat.k, flat.k * flat.n);
        let none = Finish::default();
        if let Some(weights) = &self.weights {
            gemm(&tools.workers, rows, weights, &none, &[], &mut out);
            return Ok(vec![DenseTensor::new(&shape, out).into()]);
        }
        let all: &[f32] = inputs.slice(1)?;
        let mut packed: Option<(usize, Packed)> = None;
        for ((i, j), out) in pairs.into_iter().zip(out.chunks_exact_mut((flat.m * flat.n).max(1))) {
            if packed.as_ref().is_none_or(|(at, _)| *at != j) {
                let dims = if self.flip_b { [flat.n, flat.k] } else { [flat.k, flat.n] };
                packed = Some((j, pack(&all[j * size_b..][..size_b], dims, self.flip_b)));
            }
            if let Some((_, weights)) = &packed {
                gemm(&tools.workers, &rows[i * size_a..][..size_a], weights, &none, &[], out);
            }
        }
        Ok(vec![DenseTensor::new(&shape, out).into()])
    }
}

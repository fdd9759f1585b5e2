//! Largest elements and means of windows of unlike sizes.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::DenseTensor;

use super::random::reserve;
use crate::philox::{Philox, Single};
use crate::wide::{Narrow, Real};
use crate::{Args, Context, Fact, Result, Tolerance, Value, checked_len};

register![FractionalAvgPool, FractionalMaxPool];

/// What the attributes of both ops say.
struct Pooling<'a> {
    ratio: &'a [f32],
    pseudo_random: bool,
    overlapping: bool,
    deterministic: bool,
    seeds: [i64; 2],
}

/// Windows along height or width: window `i` begins at `0[i]` and ends before the next begins, or
/// behind its first row where windows overlap.
struct Starts(Vec<usize>);

impl Starts {
    fn window(&self, i: usize, overlapping: bool) -> std::ops::Range<usize> {
        let end = self.0[i + 1] + usize::from(overlapping);
        self.0[i]..end.min(self.0[self.0.len() - 1])
    }
}

impl Pooling<'_> {
    fn size(&self, axis: usize, n: usize) -> Result<usize> {
        let ratio = self.ratio.get(axis).copied().unwrap_or(1.0);
        let size = (n as f32 / ratio).floor();
        ensure!(ratio >= 1.0 && size >= 1.0, "{n} rows cannot be made {ratio} times fewer");
        Ok(size as usize)
    }

    fn infer(&self, x: &Fact) -> Result<Vec<Shape>> {
        let dims = x.dims().unwrap_or(&[Dim::Unknown; 4]);
        let &[n, h, w, c] = dims else { fail!("images have 4 dims, not {}", dims.len()) };
        let size = |axis: usize, dim: Dim| match dim {
            Dim::Known(n) => self.size(axis, n).map(Dim::Known),
            Dim::Unknown => Ok(Dim::Unknown),
        };
        let (h, w) = (size(1, h)?, size(2, w)?);
        let ends = |dim: Dim| match dim {
            Dim::Known(n) => Dim::Known(n + 1),
            Dim::Unknown => Dim::Unknown,
        };
        Ok(vec![vec![n, h, w, c].into(), vec![ends(h)].into(), vec![ends(w)].into()])
    }

    /// The generator that windows are drawn with: the same one in every run where that is asked for.
    fn generator(&self, context: &mut dyn Context, n: u128) -> Philox {
        match (self.deterministic, self.seeds) {
            (true, [0, 0]) => reserve(context, self.seeds, 0),
            (true, [a, b]) => Philox::seeded(a.cast_unsigned(), b.cast_unsigned()),
            (false, _) => reserve(context, self.seeds, n),
        }
    }

    /// Where windows begin that make `to` rows of `from`, and where the last one ends.
    fn starts(&self, from: usize, to: usize, philox: &mut Philox) -> Starts {
        let least = from / to;
        let sizes = if self.pseudo_random {
            let alpha = from as f64 / to as f64;
            let most = ((least + 2) as f64 / alpha - 1.0)
                .min((from + 1 - least) as f64 / alpha - (to as f64 - 1.0));
            let u = Single::new(&mut { *philox }).next_f64() * most;
            philox.skip(1);
            let place = |i: usize| match i {
                0 => 1,
                _ if i == to => from + 1,
                _ => (alpha * (i as f64 + u)).ceil() as usize,
            };
            (0..to).map(|i| place(i + 1).saturating_sub(place(i))).collect()
        } else {
            let mut sizes: Vec<usize> =
                (0..to).map(|i| least + usize::from(i < from % to)).collect();
            let mut own = *philox;
            let mut generator = Single::new(&mut own);
            for i in 0..to - 1 {
                sizes.swap(i, i + generator.next() as usize % (to - i));
            }
            philox.skip((to as u128).div_ceil(4));
            sizes
        };
        let mut starts = vec![0];
        starts.extend(sizes.iter().scan(0, |sum, size| {
            *sum += size;
            Some((*sum).min(from))
        }));
        Starts(starts)
    }

    fn run(
        &self,
        inputs: &Args,
        context: &mut dyn Context,
        pool: fn(&DenseTensor, &Windows) -> Result<DenseTensor>,
    ) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let &[n, h, w, c] = x.shape() else { fail!("images have 4 dims, not {}", x.rank()) };
        ensure!(self.ratio.len() == 4, "{} ratios, not 4", self.ratio.len());
        ensure!(
            self.ratio[0] == 1.0 && self.ratio[3] == 1.0,
            "pooling over batch or channels is not supported"
        );
        let (height, width) = (self.size(1, h)?, self.size(2, w)?);
        let shape = [n, height, width, c];
        checked_len(&shape)?;
        let mut philox = self.generator(context, ((height + width) as u128).div_ceil(4) + 2);
        let rows = self.starts(h, height, &mut philox);
        let columns = self.starts(w, width, &mut philox);
        let windows = Windows { shape, size: [h, w], rows, columns, overlapping: self.overlapping };
        let y = pool(x, &windows)?;
        let ends = |starts: &Starts| -> Value {
            let all: Vec<i64> = starts.0.iter().map(|at| at.cast_signed() as i64).collect();
            DenseTensor::vector(all).into()
        };
        Ok(vec![y.into(), ends(&windows.rows), ends(&windows.columns)])
    }
}

/// All windows of images.
struct Windows {
    shape: [usize; 4],
    size: [usize; 2],
    rows: Starts,
    columns: Starts,
    overlapping: bool,
}

impl Windows {
    /// `f` of the elements of each window.
    fn each<T: Copy>(&self, all: &[T], f: impl Fn(&[T]) -> T) -> Vec<T> {
        let ([n, height, width, c], [h, w]) = (self.shape, self.size);
        let mut out = Vec::with_capacity(n * height * width * c);
        let mut window = Vec::new();
        for image in 0..n {
            for place in 0..height * width * c {
                let (i, j, channel) = (place / (width * c), place / c % width, place % c);
                window.clear();
                for y in self.rows.window(i, self.overlapping) {
                    for x in self.columns.window(j, self.overlapping) {
                        window.push(all[((image * h + y) * w + x) * c + channel]);
                    }
                }
                out.push(f(&window));
            }
        }
        out
    }
}

fn largest(x: &DenseTensor, windows: &Windows) -> Result<DenseTensor> {
    fn of<T: Real>(window: &[T]) -> T {
        let mut all = window.iter().copied();
        let first = all.next().unwrap_or_default();
        all.fold(first, |most, x| if x > most { x } else { most })
    }
    Ok(each_real!(x, |all| Narrow::narrow(x.dtype(), &windows.shape, windows.each(&all, of))))
}

fn mean(x: &DenseTensor, windows: &Windows) -> Result<DenseTensor> {
    fn of<T: Real>(window: &[T]) -> T {
        window.iter().copied().fold(T::default(), T::plus).over(window.len().max(1))
    }
    Ok(each_real!(x, |all| Narrow::narrow(x.dtype(), &windows.shape, windows.each(&all, of))))
}

/// Both ops.
macro_rules! fractional {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal $pool:ident;)*) => {
        $(op! {
            $(#[doc = $doc])+
            $name = $tf, Random within Tolerance::Close { rel: 1e-6, abs: 1e-6 }; {
                /// So many times fewer elements along each axis.
                pooling_ratio: Vec<f32>,
                /// Sizes of windows follow from one random number, rather than being shuffled.
                pseudo_random: bool = false,
                /// Windows share their first and last rows with their neighbours.
                overlapping: bool = false,
                /// Every run has the same windows.
                deterministic: bool = false,
                /// A seed; 0 like `seed2` for none.
                seed: i64 = 0,
                /// Another one.
                seed2: i64 = 0,
            }
            ("value: T")
                -> ("output: T", "row_pooling_sequence: int64", "col_pooling_sequence: int64")
            []
            infer(op, x) { op.pooling().infer(&x[0]) }
            eval(op, x, context) { op.pooling().run(&x, context, $pool) }
        }

        impl $name {
            fn pooling(&self) -> Pooling<'_> {
                Pooling {
                    ratio: &self.pooling_ratio,
                    pseudo_random: self.pseudo_random,
                    overlapping: self.overlapping,
                    deterministic: self.deterministic,
                    seeds: [self.seed, self.seed2],
                }
            }
        })*
    };
}

fractional! {
    /// The means of windows of random sizes, which are given too.
    FractionalAvgPool "FractionalAvgPool" mean;
    /// The largest elements of windows of random sizes, which are given too.
    FractionalMaxPool "FractionalMaxPool" largest;
}

//! Plain loops, compiled for the widest vectors that the machine has.

use rten_simd::{Isa, SimdOp};

struct Plain<F>(F);

impl<F: FnOnce()> SimdOp for Plain<F> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) {
        (self.0)();
    }
}

/// Runs `f`: the compiler vectorizes its loops for each instruction set, and the one that the machine
/// has is called.
#[inline]
pub(crate) fn vectorized(f: impl FnOnce()) {
    Plain(f).dispatch();
}

struct Lanes;

impl SimdOp for Lanes {
    type Output = usize;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> usize {
        use rten_simd::ops::BitOps;
        isa.f32().len()
    }
}

/// Numbers in a vector.
pub(crate) fn lanes() -> usize {
    Lanes.dispatch()
}

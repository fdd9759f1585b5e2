//! What is stated of an op: names, inputs, outputs, effect, algebra, tolerance.

use std::collections::BTreeMap;

use tensorferry_ir::{Attrs, Outputs, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::{Error, Result};

/// The facts of an op that are data. Write those that differ from [`Spec::PURE`].
///
/// Inputs and outputs are written as `name: TYPE`, where `TYPE` is a type's name (`int32`,
/// `resource`) or the attribute that has it (`T`); `name: N*T` stands for as many tensors as the
/// attribute `N` says, and `name: Tin...` for one tensor per type in the list `Tin`.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// TensorFlow's name.
    pub name: &'static str,
    /// Other names of the same op, such as older versions that differ in nothing.
    pub aliases: &'static [&'static str],
    /// What goes in.
    pub inputs: &'static [&'static str],
    /// What comes out, in TensorFlow's words: functions name outputs so.
    pub outputs: &'static [&'static str],
    /// What it does beside its outputs.
    pub effect: Effect,
    /// Its part in TensorFlow 1's control flow.
    pub flow: Flow,
    /// Output elements are elements of those inputs that are of the outputs' type; the other inputs
    /// say which.
    pub moves: bool,
    /// What may be rewritten.
    pub algebra: Algebra,
    /// How far a result may be from TensorFlow's and a fast path's from `eval`'s.
    pub tolerance: Tolerance,
}

/// What an op does beside giving outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing, and the same inputs give the same outputs: it may be folded, merged, left out.
    Pure,
    /// Outputs differ from run to run.
    Random,
    /// It reads or changes what others see, or speaks to the user.
    Stateful,
    /// It runs functions, whose effects are its own.
    Control,
}

/// TensorFlow 1's control flow, which the executor itself performs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// None: an ordinary op.
    None,
    /// Sends a value one of several ways; the others are dead.
    Switch,
    /// Passes on the first value that is not dead.
    Merge,
    /// Takes a value into a loop.
    Enter,
    /// Takes a value out of a loop.
    Exit,
    /// Takes a value to the next turn.
    NextIteration,
}

/// What may be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Algebra {
    /// Each output element depends on one element of each input, up to broadcasting.
    pub is_elementwise: bool,
    /// The two inputs may change places.
    pub is_commutative: bool,
    /// As second input it changes nothing.
    pub neutral: Option<i8>,
}

/// How far apart two results may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// The same bits; NaN equals NaN. Complex products and quotients are rounded several times, so
    /// that complex numbers may differ by four units in the last place of the larger part.
    Exact,
    /// At most so many representable numbers lie between them.
    Ulps(u32),
    /// At most `rel` of the larger one, or `abs`.
    Close {
        /// Relative.
        rel: f64,
        /// Absolute.
        abs: f64,
    },
}

impl Tolerance {
    /// For sums of many products in any order.
    pub const SUM: Self = Self::Close { rel: 1e-5, abs: 1e-5 };

    /// True when `a` and `b`, which are numbers of `dtype`, are close enough.
    pub fn holds(self, dtype: DType, a: f64, b: f64) -> bool {
        if a == b || (a.is_nan() && b.is_nan()) {
            return true;
        }
        let (epsilon, smallest) = precision(dtype);
        // TensorFlow's kernels take numbers below the smallest normal one for 0.
        let flush = |x: f64| if x.abs() < smallest { 0.0 } else { x };
        let (a, b) = (flush(a), flush(b));
        if a == b {
            return true;
        }
        let size = a.abs().max(b.abs());
        match self {
            Self::Exact => false,
            Self::Ulps(n) => {
                // The spacing near the larger one, never below the smallest normal's.
                let spacing = size.max(smallest).log2().floor().exp2() * epsilon;
                (a - b).abs() <= f64::from(n) * spacing
            }
            Self::Close { rel, abs } => {
                // Bounds are those of single precision. Double precision is as much finer; in half
                // precision, where TensorFlow rounds after every step, a few steps may be lost.
                let scale = (epsilon / f64::from(f32::EPSILON)).min(1.0);
                let least = if epsilon > f64::from(f32::EPSILON) { 4.0 * epsilon } else { 0.0 };
                (a - b).abs() <= (abs * scale).max(least) + (rel * scale).max(least) * size
            }
        }
    }

    /// The first difference of two tensors that is more than this; integers, truth and strings are
    /// the same or differ.
    pub fn difference(self, found: &DenseTensor, expected: &DenseTensor) -> Option<String> {
        if found.dtype() != expected.dtype() || found.shape() != expected.shape() {
            let side = |x: &DenseTensor| format!("{} of shape {:?}", x.dtype(), x.shape());
            return Some(format!("{} instead of {}", side(found), side(expected)));
        }
        let dtype = found.dtype();
        let is_real = dtype.is_float() || matches!(dtype, DType::Complex64 | DType::Complex128);
        let (Some(a), Some(b), true) = (found.to_f64(), expected.to_f64(), is_real) else {
            return (found != expected).then(|| format!("{found:?} instead of {expected:?}"));
        };
        if matches!(dtype, DType::Complex64 | DType::Complex128) {
            let differs = |(a, b): (&[f64], &[f64])| !self.holds_complex(dtype, a, b);
            let at = a.chunks(2).zip(b.chunks(2)).position(differs)?;
            let (a, b) = (&a[2 * at..][..2], &b[2 * at..][..2]);
            return Some(format!("element {at} is {a:?} instead of {b:?}"));
        }
        let at = a.iter().zip(&b).position(|(a, b)| !self.holds(dtype, *a, *b))?;
        Some(format!("element {at} is {} instead of {}", a[at], b[at]))
    }

    /// Errors of a complex number are as large as its larger part allows: the smaller one is what is
    /// left when products cancel out, which no order of rounding keeps.
    fn holds_complex(self, dtype: DType, a: &[f64], b: &[f64]) -> bool {
        const PRODUCT_ULPS: u32 = 4;
        if a.iter().zip(b).all(|(a, b)| Self::Exact.holds(dtype, *a, *b)) {
            return true;
        }
        let size = a.iter().chain(b).fold(0.0_f64, |most, part| most.max(part.abs()));
        let tolerance = if self == Self::Exact { Self::Ulps(PRODUCT_ULPS) } else { self };
        a.iter().zip(b).all(|(a, b)| tolerance.holds(dtype, size, size + (a - b)))
    }
}

/// The distance from 1 to the next number, and the smallest normal number.
fn precision(dtype: DType) -> (f64, f64) {
    match dtype {
        DType::Float16 => (2_f64.powi(-10), 2_f64.powi(-14)),
        DType::BFloat16 => (2_f64.powi(-7), f64::from(f32::MIN_POSITIVE)),
        DType::Float64 | DType::Complex128 => (f64::EPSILON, f64::MIN_POSITIVE),
        _ => (f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE)),
    }
}

impl Spec {
    /// An op without effect, inputs and outputs, exact in every bit.
    pub const PURE: Self = Self {
        name: "",
        aliases: &[],
        inputs: &[],
        outputs: &[],
        effect: Effect::Pure,
        flow: Flow::None,
        moves: false,
        algebra: Algebra { is_elementwise: false, is_commutative: false, neutral: None },
        tolerance: Tolerance::Exact,
    };
}

/// An input or output as stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// How many tensors it stands for.
    pub count: Count,
    /// A type's name or the attribute that has it; for [`Count::Types`] the list.
    pub ty: &'static str,
}

/// How many tensors an input or output stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// One.
    One,
    /// As many as the attribute says.
    Attr(&'static str),
    /// One per type in the list.
    Types,
}

impl Arg {
    /// Reads `name: T`, `name: N*T` or `name: Ts...`.
    pub fn parse(text: &'static str) -> Self {
        let (name, ty) = text.split_once(':').unwrap_or((text, "T"));
        let (name, ty) = (name.trim(), ty.trim());
        if let Some(list) = ty.strip_suffix("...") {
            return Self { name, count: Count::Types, ty: list };
        }
        match ty.split_once('*') {
            Some((n, ty)) => Self { name, count: Count::Attr(n.trim()), ty: ty.trim() },
            None => Self { name, count: Count::One, ty },
        }
    }
}

/// The most tensors that one output stands for. Graphs that split something into pieces make
/// hundreds of them; an attribute may say any number.
const COUNT_MAX: usize = 1 << 16;

/// What a node's attributes and inputs say about the names in a [`Spec`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Binding {
    counts: BTreeMap<&'static str, usize>,
    types: BTreeMap<&'static str, Type>,
    lists: BTreeMap<&'static str, Vec<Type>>,
    n_inputs: Vec<(Arg, usize)>,
}

impl Binding {
    /// Finds how many tensors each input stands for.
    pub(crate) fn new(spec: &Spec, attrs: &Attrs, n_inputs: usize) -> Result<Self> {
        let mut binding = Self::default();
        let args: Vec<Arg> = spec.inputs.iter().map(|text| Arg::parse(text)).collect();
        let stated: Vec<Option<usize>> = args.iter().map(|arg| stated_count(arg, attrs)).collect();
        let n_stated = stated.iter().flatten().fold(0_usize, |sum, n| sum.saturating_add(*n));
        let n_open = stated.iter().filter(|n| n.is_none()).count();
        let n_rest = n_inputs.checked_sub(n_stated).filter(|rest| match n_open {
            0 => *rest == 0,
            1 => true,
            _ => false,
        });
        let Some(n_rest) = n_rest else {
            let least = if n_open == 0 { "" } else { "at least " };
            fail!("it has {n_inputs} inputs, expected {least}{n_stated}")
        };
        for (arg, n) in args.iter().zip(stated) {
            let n = n.unwrap_or(n_rest);
            if let Count::Attr(name) = arg.count {
                binding.counts.insert(name, n);
            }
            binding.n_inputs.push((*arg, n));
        }
        Ok(binding)
    }

    /// Learns the types that the inputs have, and compares them with the attributes.
    pub(crate) fn types(&mut self, attrs: &Attrs, inputs: &[Type]) -> Result<()> {
        let n_expected: usize = self.n_inputs.iter().map(|(_, n)| n).sum();
        ensure!(inputs.len() == n_expected, "{} inputs, expected {n_expected}", inputs.len());
        let mut at = 0;
        for (arg, n) in self.n_inputs.clone() {
            let found = &inputs[at..at + n];
            at += n;
            if arg.count == Count::Types {
                if let Some(stated) = attrs.get(arg.ty).and_then(|attr| attr.as_types()) {
                    let what = || format!("the inputs `{}` are not of the types stated", arg.name);
                    if stated != found {
                        return Err(Error::invalid(what()));
                    }
                }
                self.lists.insert(arg.ty, found.to_vec());
                continue;
            }
            for ty in found {
                let stated = Type::from_name(arg.ty)
                    .or_else(|| attrs.get(arg.ty).and_then(|attr| attr.as_type()))
                    .or_else(|| self.types.get(arg.ty).copied());
                match stated {
                    Some(stated) if stated != *ty => {
                        fail!("the input `{}` is {ty}, expected {stated}", arg.name)
                    }
                    Some(_) => {}
                    None => drop(self.types.insert(arg.ty, *ty)),
                }
            }
        }
        Ok(())
    }

    /// The type of each input tensor, as the spec has it.
    pub(crate) fn input_types(&self) -> Vec<&'static str> {
        self.n_inputs.iter().flat_map(|(arg, n)| std::iter::repeat_n(arg.ty, *n)).collect()
    }

    /// How many tensors each output stands for. `defaults` gives the attributes that nodes may leave
    /// out; few outputs ask for them.
    pub(crate) fn outputs(
        &self,
        spec: &Spec,
        attrs: &Attrs,
        defaults: &dyn Fn() -> Attrs,
    ) -> Result<Outputs> {
        let all = spec.outputs.iter().map(|text| {
            let arg = Arg::parse(text);
            let known = match arg.count {
                Count::Attr(name) => self.counts.get(name).copied(),
                Count::Types => self.n_inputs.iter().find_map(|(input, n)| {
                    (input.count == Count::Types && input.ty == arg.ty).then_some(*n)
                }),
                Count::One => None,
            };
            let n = known
                .or_else(|| stated_count(&arg, attrs))
                .or_else(|| stated_count(&arg, &defaults()).filter(|_| !is_stated(&arg, attrs)));
            let missing = || Error::invalid(format!("an attribute for `{text}` is missing"));
            let n = n.ok_or_else(missing)?;
            ensure!(n <= COUNT_MAX, "the output `{}` is {n} tensors, over {COUNT_MAX}", arg.name);
            Ok((arg.name, n))
        });
        Ok(Outputs(all.collect::<Result<_>>()?))
    }

    /// The type of each output tensor. `defaults` gives the attributes that nodes may leave out.
    pub(crate) fn output_types(
        &self,
        spec: &Spec,
        attrs: &Attrs,
        defaults: &dyn Fn() -> Attrs,
    ) -> Result<Vec<Type>> {
        let mut types = Vec::new();
        let outputs = self.outputs(spec, attrs, defaults)?;
        for (text, (_, n)) in spec.outputs.iter().zip(&outputs.0) {
            let arg = Arg::parse(text);
            let attr = attrs.get(arg.ty);
            if arg.count == Count::Types {
                let list = attr.and_then(|attr| attr.as_types());
                let list = list.or_else(|| self.lists.get(arg.ty).cloned());
                types.extend(list.unwrap_or_default());
                continue;
            }
            let ty = Type::from_name(arg.ty)
                .or_else(|| attr.and_then(|attr| attr.as_type()))
                .or_else(|| self.types.get(arg.ty).copied())
                .or_else(|| defaults().get(arg.ty).and_then(|attr| attr.as_type()));
            let Some(ty) = ty else { fail!("the attribute `{}` is missing", arg.ty) };
            types.extend(std::iter::repeat_n(ty, *n));
        }
        Ok(types)
    }
}

fn stated_count(arg: &Arg, attrs: &Attrs) -> Option<usize> {
    match arg.count {
        Count::One => Some(1),
        Count::Attr(name) => attrs.get(name)?.as_int().and_then(|n| usize::try_from(n).ok()),
        Count::Types => attrs.get(arg.ty)?.as_list().map(<[_]>::len),
    }
}

/// True when the attribute that counts is there, whatever it is.
fn is_stated(arg: &Arg, attrs: &Attrs) -> bool {
    match arg.count {
        Count::One => true,
        Count::Attr(name) => attrs.contains_key(name),
        Count::Types => attrs.contains_key(arg.ty),
    }
}

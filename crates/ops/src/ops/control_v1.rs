//! Control flow of TensorFlow 1, which the executor performs: only its edges are stated here.

use tensorferry_ir::Shape;

use crate::{Case, Fact, Flow, Op, Result, Spec};

register![Switch, SwitchN, Merge, Enter, Exit, NextIteration];

/// Ops that send values on, or not.
macro_rules! flow {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal $aliases:expr, $flow:ident,
        $inputs:expr => $outputs:expr, { $($(#[doc = $field_doc:literal])+ $field:ident: $ty:ty = $default:expr,)* },
        |$op:ident, $x:ident| $shapes:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    $($(#[doc = $field_doc])+ $field: $ty = $default,)*
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: $tf,
                    aliases: $aliases,
                    inputs: $inputs,
                    outputs: $outputs,
                    flow: Flow::$flow,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[];

                fn infer(&self, $x: &[Fact]) -> Result<Vec<Shape>> {
                    let $op = self;
                    let _ = $op;
                    Ok($shapes)
                }
            }
        )*
    };
}

flow! {
    /// Sends a value to its first output when the condition is false, to its second when it is true.
    Switch "Switch" &["RefSwitch"], Switch, &["data: T", "pred: bool"] =>
        &["output_false: T", "output_true: T"], {},
        |_op, x| vec![x[0].shape.clone(), x[0].shape.clone()];

    /// Sends a value to the output of that index.
    SwitchN "_SwitchN" &[], Switch, &["data: T", "output_index: int32"] => &["outputs: num_outs*T"], {
        /// Number of outputs.
        num_outs: i64 = 1,
    }, |op, x| vec![x[0].shape.clone(); usize::try_from(op.num_outs).unwrap_or(0)];

    /// Gives the first input that comes, and its index.
    Merge "Merge" &["RefMerge"], Merge, &["inputs: N*T"] => &["output: T", "value_index: int32"], {},
        |_op, _x| vec![Shape::UNKNOWN, Shape::scalar()];

    /// Takes a value into a loop.
    Enter "Enter" &["RefEnter"], Enter, &["data: T"] => &["output: T"], {
        /// The name of the loop.
        frame_name: String = String::new(),
        /// The value is there in every turn.
        is_constant: bool = false,
    }, |_op, x| vec![x[0].shape.clone()];

    /// Takes a value out of a loop.
    Exit "Exit" &["RefExit"], Exit, &["data: T"] => &["output: T"], {},
        |_op, x| vec![x[0].shape.clone()];

    /// Takes a value to the next turn of a loop.
    NextIteration "NextIteration" &["RefNextIteration"], NextIteration, &["data: T"] =>
        &["output: T"], {}, |_op, x| vec![x[0].shape.clone()];
}

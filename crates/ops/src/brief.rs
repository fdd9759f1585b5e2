//! An op written in one piece: attributes, spec, inference and evaluation.
//!
//! For ops that hold state or speak to the executor, whose `eval` takes a context, and for the many
//! whose definition is one expression.

/// Defines one op. `infer(op, facts)` and `eval(op, args, context)` name what their blocks see.
macro_rules! op {
    (
        $(#[doc = $doc:literal])+
        $name:ident = $tf:literal $(| $alias:literal)*, $effect:ident $(within $tolerance:expr;)?
        { $($(#[doc = $field_doc:literal])+ $field:ident: $ty:ty $(= $default:expr)?,)* }
        ($($input:literal),*) -> ($($output:literal),*)
        [$($case:expr),* $(,)?]
        infer($op:ident, $facts:ident) $infer:block
        eval($eval_op:ident, $args:ident, $context:ident) $eval:block
    ) => {
        attrs! {
            $(#[doc = $doc])+
            struct $name {
                $($(#[doc = $field_doc])+ $field: $ty $(= $default)?,)*
            }
        }

        impl $crate::Op for $name {
            #[allow(clippy::needless_update, reason = "the tolerance may be the last one stated")]
            const SPEC: $crate::Spec = $crate::Spec {
                name: $tf,
                aliases: &[$($alias),*],
                inputs: &[$($input),*],
                outputs: &[$($output),*],
                effect: $crate::Effect::$effect,
                $(tolerance: $tolerance,)?
                ..$crate::Spec::PURE
            };
            const CASES: &'static [$crate::Case] = &[$($case),*];

            fn infer(
                &self,
                $facts: &[$crate::Fact],
            ) -> $crate::Result<Vec<tensorferry_ir::Shape>> {
                let $op = self;
                let _ = ($op, $facts);
                $infer
            }

            fn eval_in(
                &self,
                $args: $crate::Args,
                $context: &mut dyn $crate::Context,
            ) -> $crate::Result<Vec<$crate::Value>> {
                let $eval_op = self;
                let _ = ($eval_op, &$args, &mut *$context);
                $eval
            }
        }
    };
}

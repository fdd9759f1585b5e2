//! Ops that look at values: they stop a run, or print.

use crate::def::case;
use crate::text::summary;
use crate::{Error, Result};

register![Assert, CheckNumerics, Print, PrintV2];

op! {
    /// Stops the run unless a condition holds.
    Assert = "Assert", Stateful {
        /// Elements that the message has of each tensor.
        summarize: i64 = 3,
    }
    ("condition: bool", "data: T...") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        if x.slice::<bool>(0)?.iter().all(|holds| *holds) {
            return Ok(Vec::new());
        }
        let text = |i: usize| x.tensor(i).map(|tensor| summary(tensor, op.summarize));
        let texts: Vec<String> = (1..x.len()).map(text).collect::<Result<_>>()?;
        Err(Error::invalid(format!("an assertion failed: {}", texts.join(" "))))
    }
}

op! {
    /// Gives its input, and prints tensors.
    Print = "Print", Stateful {
        /// What stands before them.
        message: String = String::new(),
        /// How many runs print; all when it is negative.
        first_n: i64 = -1,
        /// Elements that are printed of each tensor.
        summarize: i64 = 3,
    }
    ("input: T", "data: U...") -> ("output: T") []
    infer(op, x) { Ok(vec![x[0].shape.clone()]) }
    eval(op, x, context) {
        let text = |i: usize| x.tensor(i).map(|tensor| summary(tensor, op.summarize));
        let texts: Vec<String> = (1..x.len()).map(text).collect::<Result<_>>()?;
        context.resources().say(format!("{}{}", op.message, texts.join("")));
        Ok(x.into_values().into_iter().take(1).collect())
    }
}

op! {
    /// Prints a text.
    PrintV2 = "PrintV2", Stateful {
        /// Where it goes; a run keeps it for whoever asks.
        output_stream: String = "stderr".to_owned(),
        /// What stands behind it.
        end: String = "\n".to_owned(),
    }
    ("input: string") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        let text = String::from_utf8_lossy(x.string(0)?).into_owned();
        let end = op.end.strip_suffix('\n').unwrap_or(&op.end);
        context.resources().say(text + end);
        Ok(Vec::new())
    }
}

op! {
    /// Gives its input, unless an element is infinite or no number.
    CheckNumerics = "CheckNumerics" | "CheckNumericsV2", Pure {
        /// What the error says.
        message: String = String::new(),
    }
    ("tensor: T") -> ("output: T") [case("[1, 2]", "message=\"m\"", "[1, 2]")]
    infer(op, x) { Ok(vec![x[0].shape.clone()]) }
    eval(op, x, context) {
        let all = x.numbers(0)?;
        let what = match (all.iter().any(|x| x.is_infinite()), all.iter().any(|x| x.is_nan())) {
            (false, false) => return Ok(x.into_values()),
            (true, false) => "Inf",
            (false, true) => "NaN",
            (true, true) => "Inf and NaN",
        };
        Err(Error::invalid(format!("{} : Tensor had {what} values", op.message)))
    }
}

#[cfg(test)]
mod tests {
    use tensorferry_tensor::DenseTensor;

    use crate::text::summary;

    #[test]
    fn tensors_are_printed_as_tensorflow_prints_them() {
        let matrix = DenseTensor::new(&[2, 2], vec![1_i32, 2, 3, 4]);
        assert_eq!(summary(&matrix, 3), "[[1 2]\n [3 4]]");
        let numbers = DenseTensor::vector(vec![0.1_f32, 1.0 / 3.0, 1e10, f32::NAN]);
        assert_eq!(summary(&numbers, -1), "[0.1 0.333333343 1e+10 nan]");
        let long = DenseTensor::vector((0..10_i64).collect::<Vec<_>>());
        assert_eq!(summary(&long, 3), "[0 1 2 ... 7 8 9]");
    }
}

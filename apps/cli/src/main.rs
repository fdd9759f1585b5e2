//! The command line: `tensorferry` and `tensorflowjs_converter` in one executable.
fn main() {}

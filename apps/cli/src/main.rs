//! The command line: `tensorferry` and `tensorflowjs_converter` in one executable.

mod args;
mod bench;
mod convert;
mod engine_args;
mod errors;
mod extras;
#[cfg(test)]
mod flags_doc;
mod inspect;
mod legacy;
mod normalize;
mod personality;
mod print;
mod progress;
mod run;
mod verify;
mod wizard;

fn main() -> std::process::ExitCode {
    tensorferry_disk::interrupt::install();
    errors::guarded(|| personality::run(std::env::args_os().collect()))
}

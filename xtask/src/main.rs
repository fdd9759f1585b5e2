//! The project's own commands: `cargo xtask test` and the makers of checked-in files.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]

mod bench;
mod cases;
mod fuzz;
mod npm;
mod oracle;
mod pack;
mod run;
mod sources;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  test [--no-browser]            every test: Rust, documentation, wasm build, Node, Chromium
  bench [--rounds N] [--binary FILE]
                                 time conversions against `cp`, into docs/benchmarks.md
  bench engine [--rounds N] [--binary FILE] [--package DIR] [--onnx DIR]
                                 time the engine, native and in wasm, against TF.js and ONNX Runtime
  js-cases                       convert the fixtures into target/js-cases for tests-js
  npm                            make the npm package in target/npm
  oracle-check [--keras2 PY] [--keras3 PY]
                                 load the Keras files that we write in real Keras
  fuzz [--seconds N] [TARGET..]  run the fuzz targets, N seconds each (default 60)
  pack-fixtures --from DIR       make fixtures/*.tar.gz from an oracle's folder
  pack-extra --from DIR          make fixtures/extra.tar.gz from tasks/oracle/make_extra.py's folder
  pack-layers --from DIR         make fixtures/layers-*.tar.gz from tasks/oracle/record_layers.py's folder
  pack-saved-by-tfjs             make fixtures/tfjs-saved.tar.gz with TensorFlow.js
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = args.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let result = match command.as_str() {
        "test" => test::all(rest),
        "bench" => bench::all(rest),
        "js-cases" => cases::make().map(drop),
        "npm" => npm::make().map(|size| println!("{}: {size}", npm::folder().display())),
        "oracle-check" => oracle::check(rest),
        "fuzz" => fuzz::all(rest),
        "pack-fixtures" => pack::from_args(rest),
        "pack-extra" => pack::extra(rest),
        "pack-layers" => pack::layers(rest),
        "pack-saved-by-tfjs" => pack::saved_by_tfjs(),
        "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n\n{USAGE}").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

//! Writes the seeds of all fuzz targets below a folder, one file each: `seeds tasks/fuzz/corpus`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Ok(ExitCode::from(2));
    };
    for target in &tensorferry_hostile::TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (i, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{i:03}")), seed)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

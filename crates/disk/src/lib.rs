//! The native side of a face: folders as stores through memory maps, and all-or-nothing output.
//!
//! [`open_input`] makes a file or folder a [`Store`](tensorferry_store::Store) that never leaves
//! its folder. [`write_package`] puts a [`Package`](tensorferry_store::Package) where the user
//! wants it so that at every moment, also after a kill or a power loss, the output path is absent,
//! or holds the complete older model, or the complete new one.

mod fs;
mod input;
pub mod interrupt;
mod model_folder;
mod output;
#[expect(unsafe_code, reason = "memory maps and system calls that std does not offer")]
mod sys;

pub use input::{FolderStore, open_input};
pub use output::{Check, WriteOptions, Written, write_package};

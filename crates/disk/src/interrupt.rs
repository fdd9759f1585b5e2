//! What SIGINT and SIGTERM do: end at once while nothing is staged, clean up first otherwise.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// True while something of ours lies beside the target that must be removed.
static STAGED: AtomicBool = AtomicBool::new(false);
/// The signal that came, 0 when none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Installs the handlers. Called once, by a face that is a process of its own.
pub fn install() {
    #[cfg(unix)]
    crate::sys::on_signals(handle);
}

/// The signal that asked us to stop, if one came. The process exits with 128 plus its number.
pub fn pending() -> Option<i32> {
    Some(SIGNAL.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
}

#[cfg(unix)]
extern "C" fn handle(signal: libc::c_int) {
    // Nothing to clean up, or asked a second time: go. What a second signal leaves behind is
    // removed by the next run.
    let is_second = SIGNAL.swap(signal, Ordering::Relaxed) != 0;
    if is_second || !STAGED.load(Ordering::Relaxed) {
        crate::sys::exit_now(128 + signal);
    }
}

/// Holds signals back while it lives.
pub(crate) struct Guard;

impl Guard {
    pub(crate) fn new() -> Self {
        STAGED.store(true, Ordering::Relaxed);
        Self
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        STAGED.store(false, Ordering::Relaxed);
    }
}

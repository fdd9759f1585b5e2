//! A bar or a spinner on work that takes longer than half a second, where someone watches.

use std::cell::RefCell;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::errors;

/// Shorter work needs no bar, and a bar that flashes is noise.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shown while it lives.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    started: Instant,
    is_watched: bool,
    bar: RefCell<Option<ProgressBar>>,
    spinner: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Work of unknown length.
    pub(crate) fn new(what: &'static str) -> Self {
        let mut progress = Self::with_total(what, 0);
        progress.spinner = progress.is_watched.then(|| spinner(what));
        progress
    }

    /// Work on this many bytes.
    pub(crate) fn with_total(what: &'static str, total: u64) -> Self {
        Self {
            what,
            total,
            started: Instant::now(),
            is_watched: errors::is_watched(),
            bar: RefCell::new(None),
            spinner: None,
        }
    }

    /// This many bytes are done.
    pub(crate) fn set(&self, done: u64) {
        if !self.is_watched || self.started.elapsed() < PATIENCE {
            return;
        }
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| {
            let template = "{msg} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec}";
            let style = ProgressStyle::with_template(template)
                .expect("the template is well formed")
                .progress_chars("=> ");
            ProgressBar::new(self.total).with_style(style).with_message(self.what)
        });
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some((done, thread)) = self.spinner.take() {
            drop(done);
            // A spinner that panicked has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn spinner(what: &'static str) -> (Sender<()>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        if receiver.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        while receiver.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
            bar.tick();
        }
        bar.finish_and_clear();
    });
    (sender, thread)
}

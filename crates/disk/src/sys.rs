//! The system calls that the standard library does not offer; the only `unsafe` of this crate.

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;

/// Maps a whole file for reading.
pub(crate) fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the map is read-only and private to us, and lives as long as the `Bytes` that owns
    // it. Another process that truncates the file while it is mapped makes a later read raise
    // SIGBUS: the process ends and no output is committed (the output protocol is proof against
    // a kill at any moment). One that overwrites it in place changes what we read, as it would
    // with `read`; nothing of ours keeps a reference of another type into the bytes.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}

/// Reads from a place in a file whose map is `_map`.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, _map: &Bytes, at: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, at)
}

/// Reads from a place in a file whose map is `map`.
#[cfg(not(unix))]
pub(crate) fn read_at(_file: &File, map: &Bytes, at: u64, out: &mut [u8]) -> io::Result<()> {
    tensorferry_store::Blob::read_into(map, at, out)
}

/// Has the kernel look up all pages of `bytes` at once, which are about to be read. A hint: it may
/// fail. A write from a map that was not read before stops at each run of missing pages, and the
/// file system undoes part of its work each time.
#[cfg(target_os = "linux")]
pub(crate) fn populate(bytes: &[u8]) {
    // SAFETY: the call takes no pointer and only reads a setting.
    let page_len = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Ok(page_len @ 1..) = usize::try_from(page_len) else { return };
    let start = bytes.as_ptr().map_addr(|addr| addr - addr % page_len);
    let len = bytes.as_ptr().addr() - start.addr() + bytes.len();
    // SAFETY: the range is that of `bytes`, grown to whole pages, which are mapped as a part of
    // each is; populating for reading changes no content and no protection, and where pages cannot
    // be had (a truncated file) it answers with an error.
    let _ = unsafe { libc::madvise(start.cast_mut().cast(), len, libc::MADV_POPULATE_READ) };
}

/// Has the kernel look up all pages of `bytes` at once. A hint: it may fail.
#[cfg(not(target_os = "linux"))]
pub(crate) fn populate(_bytes: &[u8]) {}

#[cfg(unix)]
fn c_path(path: &Path) -> io::Result<std::ffi::CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::CString::new(path.as_os_str().as_bytes())?)
}

#[cfg(unix)]
fn checked(result: i64) -> io::Result<i64> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Opens `name` below `root` for reading; no link and no `..` leads out of `root` (`EXDEV`).
/// Does not wait for a FIFO's other end. `Unsupported` where the kernel is older than 5.6.
#[cfg(target_os = "linux")]
pub(crate) fn open_beneath(root: &File, name: &Path) -> io::Result<File> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    let name = c_path(name)?;
    // SAFETY: `open_how` is plain integers, for which all-zero is a valid value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY) as u64;
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
    // SAFETY: `root` is an open descriptor, `name` is NUL-terminated, `how` lives through the call
    // and the size passed is its own.
    let result = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            root.as_raw_fd(),
            name.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    let fd = match checked(result) {
        Ok(fd) => i32::try_from(fd).expect("a descriptor is an `int`"),
        // Some sandboxes answer EPERM for system calls that they do not know.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Err(e) => return Err(e),
    };
    // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Renames in one step with a flag of `renameat2`; `Unsupported` where there is no such call.
#[cfg(target_os = "linux")]
fn rename_with(from: &Path, to: &Path, flags: u32) -> io::Result<()> {
    let (from, to) = (c_path(from)?, c_path(to)?);
    // SAFETY: both paths are NUL-terminated and live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            flags,
        )
    };
    match checked(result) {
        // EINVAL: the file system lacks the flag (some network file systems).
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        result => result.map(drop),
    }
}

/// Swaps two paths in one step.
#[cfg(target_os = "linux")]
pub(crate) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    rename_with(a, b, libc::RENAME_EXCHANGE)
}

/// Renames, unless `to` exists (`AlreadyExists`).
#[cfg(target_os = "linux")]
pub(crate) fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    rename_with(from, to, libc::RENAME_NOREPLACE)
}

#[cfg(target_os = "macos")]
fn rename_with(from: &Path, to: &Path, flags: libc::c_uint) -> io::Result<()> {
    let (from, to) = (c_path(from)?, c_path(to)?);
    // SAFETY: both paths are NUL-terminated and live through the call.
    let result = unsafe { libc::renamex_np(from.as_ptr(), to.as_ptr(), flags) };
    match checked(i64::from(result)) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOTSUP | libc::EINVAL)) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        result => result.map(drop),
    }
}

/// Swaps two paths in one step.
#[cfg(target_os = "macos")]
pub(crate) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    rename_with(a, b, libc::RENAME_SWAP)
}

/// Renames, unless `to` exists (`AlreadyExists`).
#[cfg(target_os = "macos")]
pub(crate) fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    rename_with(from, to, libc::RENAME_EXCL)
}

/// Swaps two paths in one step.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn exchange(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Renames, unless `to` exists (`AlreadyExists`).
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn rename_noreplace(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes an ordinary user may still write to the file system of `dir`, where that can be told.
#[cfg(unix)]
pub(crate) fn free_bytes(dir: &Path) -> io::Result<Option<u64>> {
    let dir = c_path(dir)?;
    // SAFETY: `statvfs` is plain integers, for which all-zero is a valid value.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: `dir` is NUL-terminated and `stat` is ours to write.
    checked(i64::from(unsafe { libc::statvfs(dir.as_ptr(), &raw mut stat) }))?;
    #[expect(clippy::useless_conversion, reason = "the fields are `u32` on some systems")]
    let (blocks, size) = (u64::from(stat.f_bavail), u64::from(stat.f_frsize));
    Ok(blocks.checked_mul(size))
}

/// Bytes an ordinary user may still write to the file system of `dir`, where that can be told.
#[cfg(not(unix))]
pub(crate) fn free_bytes(_dir: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Asks the kernel to begin writing the file's dirty pages, without waiting. A hint: it may fail.
#[cfg(target_os = "linux")]
pub(crate) fn start_writeback(file: &File) {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

/// Asks the kernel to begin writing the file's dirty pages, without waiting. A hint: it may fail.
#[cfg(not(target_os = "linux"))]
pub(crate) fn start_writeback(_file: &File) {}

/// Has `handler` called on SIGINT and SIGTERM. It may only do what is safe in a signal handler.
#[cfg(unix)]
pub(crate) fn on_signals(handler: extern "C" fn(libc::c_int)) {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: `sigaction` is plain data, for which all-zero is valid; the handler is a
        // function that lives as long as the program and calls nothing but atomics and `_exit`.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Ends the process now, from a signal handler.
#[cfg(unix)]
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` is async-signal-safe and takes no pointer.
    unsafe { libc::_exit(code) }
}

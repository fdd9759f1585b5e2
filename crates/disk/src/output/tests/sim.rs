//! A file system in memory that can fail at any operation and lose what was not synced.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use tensorferry_diagnostics::Problem;
use tensorferry_store::{MemoryStore, Store};

use crate::fs::{Fs, Kind, Seen};

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Dir(BTreeMap<String, usize>),
    File(Vec<u8>),
    Link(PathBuf),
}

/// A change that is visible and not yet durable.
#[derive(Debug, Clone)]
enum Change {
    Data { node: usize, bytes: Vec<u8> },
    Link { dir: usize, name: String, node: usize },
    Unlink { dir: usize, name: String },
    Rename { from: (usize, String), to: (usize, String) },
    Exchange { a: (usize, String), b: (usize, String) },
}

/// What goes wrong, at which operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// The operation fails once with this error code.
    Error(i32),
    /// A write takes only a part.
    ShortWrite,
    /// The process is gone: this operation and all that follow do nothing.
    Death,
}

#[derive(Default, Clone)]
struct State {
    nodes: Vec<Node>,
    durable: Vec<Node>,
    pending: Vec<Change>,
    locked: BTreeSet<usize>,
    n_ops: usize,
    plan: Option<(usize, Fault)>,
    is_dead: bool,
}

pub(super) struct SimFs {
    state: Rc<RefCell<State>>,
    pub(super) can_exchange: bool,
    pub(super) underfoot: Option<PathBuf>,
    /// Folders in which nothing can be made.
    pub(super) read_only: Option<PathBuf>,
    pub(super) free: Option<u64>,
}

pub(super) struct SimLock(Rc<RefCell<State>>, usize);

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.borrow_mut().locked.remove(&self.1);
    }
}

impl State {
    fn apply(nodes: &mut [Node], change: &Change) {
        fn dir(nodes: &mut [Node], at: usize) -> &mut BTreeMap<String, usize> {
            let Node::Dir(entries) = &mut nodes[at] else { panic!("a folder") };
            entries
        }
        match change {
            Change::Data { node, bytes } => {
                let Node::File(content) = &mut nodes[*node] else { panic!("a file") };
                content.extend_from_slice(bytes);
            }
            Change::Link { dir: at, name, node } => {
                dir(nodes, *at).insert(name.clone(), *node);
            }
            Change::Unlink { dir: at, name } => {
                dir(nodes, *at).remove(name);
            }
            Change::Rename { from, to } => {
                // What an earlier lost change would have made is not there to be renamed.
                if let Some(node) = dir(nodes, from.0).remove(&from.1) {
                    dir(nodes, to.0).insert(to.1.clone(), node);
                }
            }
            Change::Exchange { a, b } => {
                let found =
                    (dir(nodes, a.0).get(&a.1).copied(), dir(nodes, b.0).get(&b.1).copied());
                if let (Some(x), Some(y)) = found {
                    dir(nodes, a.0).insert(a.1.clone(), y);
                    dir(nodes, b.0).insert(b.1.clone(), x);
                }
            }
        }
    }

    fn change(&mut self, change: Change) {
        Self::apply(&mut self.nodes, &change);
        self.pending.push(change);
    }

    fn add(&mut self, node: Node) -> usize {
        let empty = if let Node::File(_) = node { Node::File(Vec::new()) } else { node.clone() };
        self.durable.push(empty);
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn sync(&mut self, is_synced: impl Fn(&Change) -> bool) {
        let (synced, rest) =
            std::mem::take(&mut self.pending).into_iter().partition(|c| is_synced(c));
        self.pending = rest;
        let synced: Vec<Change> = synced;
        for change in &synced {
            Self::apply(&mut self.durable, change);
        }
    }

    fn dir(&self, at: usize) -> io::Result<&BTreeMap<String, usize>> {
        match &self.nodes[at] {
            Node::Dir(entries) => Ok(entries),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The node at an absolute path; links in the last part are followed when asked.
    fn find(&self, path: &Path, follow: bool) -> io::Result<usize> {
        let real = self.real(path, follow)?;
        real.components().try_fold(0, |at, part| match part {
            Component::Normal(name) => {
                let name = name.to_str().unwrap();
                self.dir(at)?.get(name).copied().ok_or(io::ErrorKind::NotFound.into())
            }
            _ => Ok(at),
        })
    }

    fn real(&self, path: &Path, follow: bool) -> io::Result<PathBuf> {
        let mut real = PathBuf::from("/");
        let mut at = 0;
        let parts: Vec<_> = path.components().collect();
        for (i, part) in parts.iter().enumerate() {
            let Component::Normal(name) = part else { continue };
            let found = self.dir(at)?.get(name.to_str().unwrap()).copied();
            let is_last = i + 1 == parts.len();
            match found.map(|n| (n, &self.nodes[n])) {
                Some((_, Node::Link(to))) if follow || !is_last => {
                    real = self.real(to, true)?;
                    at = self.find(to, true)?;
                }
                Some((node, _)) => {
                    real.push(name);
                    at = node;
                }
                None if is_last && !follow => real.push(name),
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        Ok(real)
    }

    fn place(&self, path: &Path) -> io::Result<(usize, String)> {
        let parent = self.find(path.parent().unwrap(), true)?;
        self.dir(parent)?;
        Ok((parent, path.file_name().unwrap().to_str().unwrap().to_owned()))
    }
}

impl SimFs {
    pub(super) fn new() -> Self {
        let state = State {
            nodes: vec![Node::Dir(BTreeMap::new())],
            durable: vec![Node::Dir(BTreeMap::new())],
            ..State::default()
        };
        Self {
            state: Rc::new(RefCell::new(state)),
            can_exchange: true,
            underfoot: None,
            read_only: None,
            free: None,
        }
    }

    /// A copy with a fault to come.
    pub(super) fn with_fault(&self, at: usize, fault: Fault) -> Self {
        let copy = self.copy();
        copy.state.borrow_mut().plan = Some((at, fault));
        copy
    }

    pub(super) fn copy(&self) -> Self {
        let mut state = self.state.borrow().clone();
        (state.n_ops, state.plan, state.is_dead) = (0, None, false);
        Self {
            state: Rc::new(RefCell::new(state)),
            underfoot: self.underfoot.clone(),
            read_only: self.read_only.clone(),
            ..*self
        }
    }

    /// The machine after a loss of power: of what was not synced, the changes that `survives`
    /// says.
    pub(super) fn after_power_loss(&self, mut survives: impl FnMut() -> bool) -> Self {
        let copy = self.copy();
        {
            let mut state = copy.state.borrow_mut();
            let pending = std::mem::take(&mut state.pending);
            for change in pending.iter().filter(|_| survives()) {
                State::apply(&mut state.durable, change);
            }
            state.nodes = state.durable.clone();
            state.locked.clear();
        }
        copy
    }

    /// The same, with nothing lost: the process died, the machine did not.
    pub(super) fn after_death(&self) -> Self {
        let copy = self.copy();
        copy.state.borrow_mut().locked.clear();
        copy
    }

    pub(super) fn n_ops(&self) -> usize {
        self.state.borrow().n_ops
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state.borrow().is_dead
    }

    /// Puts a durable file, folder (path ends with `/`) or link there.
    pub(super) fn put(&self, path: &str, content: &str) {
        let mut state = self.state.borrow_mut();
        let mut at = 0;
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        for (i, part) in parts.iter().enumerate() {
            let is_last = i + 1 == parts.len();
            let found = state.dir(at).unwrap().get(*part).copied();
            at = found.unwrap_or_else(|| {
                let node = match content.strip_prefix("-> ") {
                    _ if !is_last || path.ends_with('/') => Node::Dir(BTreeMap::new()),
                    Some(to) => Node::Link(to.into()),
                    None => Node::File(content.into()),
                };
                let node = state.add(node);
                let data =
                    if let Node::File(bytes) = &state.nodes[node] { bytes.clone() } else { vec![] };
                if !data.is_empty() {
                    state.durable[node] = Node::File(data);
                }
                state.change(Change::Link { dir: at, name: (*part).to_owned(), node });
                node
            });
        }
        state.sync(|_| true);
    }

    /// Every file below a path, links followed.
    pub(super) fn files(&self, path: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        let state = self.state.borrow();
        let root = state.find(Path::new(path), true).ok()?;
        let mut files = BTreeMap::new();
        let mut todo = vec![(String::new(), root)];
        while let Some((name, node)) = todo.pop() {
            match &state.nodes[node] {
                Node::Dir(entries) => {
                    todo.extend(entries.iter().map(|(n, node)| (format!("{name}/{n}"), *node)));
                }
                Node::File(bytes) => drop(files.insert(name, bytes.clone())),
                Node::Link(to) => drop(files.insert(name, to.to_str().unwrap().into())),
            }
        }
        Some(files)
    }

    /// Counts an operation, and fails it when the plan says so.
    fn op(&self) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.n_ops += 1;
        match state.plan {
            _ if state.is_dead => Err(io::Error::other("dead")),
            Some((at, Fault::Error(code))) if at == state.n_ops => {
                Err(io::Error::from_raw_os_error(code))
            }
            Some((at, Fault::Death)) if at == state.n_ops => {
                state.is_dead = true;
                Err(io::Error::other("dead"))
            }
            _ => Ok(()),
        }
    }

    fn check_writable(&self, path: &Path) -> io::Result<()> {
        match &self.read_only {
            Some(dir) if path.parent() == Some(dir) => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Ok(()),
        }
    }

    fn make(&self, path: &Path, node: Node) -> io::Result<usize> {
        self.op()?;
        self.check_writable(path)?;
        let mut state = self.state.borrow_mut();
        let (dir, name) = state.place(path)?;
        if state.dir(dir)?.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = state.add(node);
        state.change(Change::Link { dir, name, node });
        Ok(node)
    }
}

impl Fs for SimFs {
    type File = usize;
    type Lock = SimLock;

    fn look(&self, path: &Path) -> io::Result<Option<Seen>> {
        self.op()?;
        let state = self.state.borrow();
        let node = match state.find(path, false) {
            Ok(node) => node,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let kind = match &state.nodes[node] {
            Node::Dir(_) => Kind::Dir,
            Node::File(_) => Kind::File,
            Node::Link(_) => Kind::Link,
        };
        Ok(Some(Seen { kind, device: 0, inode: node as u64 }))
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.op()?;
        self.state.borrow().real(path, true)
    }

    fn is_underfoot(&self, dir: &Path) -> bool {
        self.underfoot.as_deref() == Some(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.op()?;
        let state = self.state.borrow();
        Ok(state.dir(state.find(dir, true)?)?.keys().map(OsString::from).collect())
    }

    fn read(&self, path: &Path, _len_max: u64) -> io::Result<Vec<u8>> {
        self.op()?;
        let state = self.state.borrow();
        match &state.nodes[state.find(path, true)?] {
            Node::File(bytes) => Ok(bytes.clone()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<Option<u64>> {
        self.op()?;
        Ok(self.free)
    }

    fn create_dir(&self, path: &Path, _is_private: bool) -> io::Result<()> {
        self.make(path, Node::Dir(BTreeMap::new())).map(drop)
    }

    fn publish_dir(&self, _path: &Path) -> io::Result<()> {
        self.op()
    }

    fn create_file(&self, path: &Path) -> io::Result<usize> {
        self.make(path, Node::File(Vec::new()))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<SimLock>> {
        self.op()?;
        let mut state = self.state.borrow_mut();
        let node = state.find(path, false)?;
        let is_free = state.locked.insert(node);
        Ok(is_free.then(|| SimLock(self.state.clone(), node)))
    }

    fn write(&self, file: &mut usize, bytes: &[u8]) -> io::Result<usize> {
        self.op()?;
        let mut state = self.state.borrow_mut();
        let is_short = state.plan == Some((state.n_ops, Fault::ShortWrite));
        let n = if is_short { bytes.len().div_ceil(2) } else { bytes.len() };
        state.change(Change::Data { node: *file, bytes: bytes[..n].to_vec() });
        Ok(n)
    }

    fn start_sync(&self, _file: &usize) {
        let _ = self.op();
    }

    fn sync(&self, file: &mut usize) -> io::Result<()> {
        self.op()?;
        self.state.borrow_mut().sync(|c| matches!(c, Change::Data { node, .. } if node == file));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.op()?;
        let mut state = self.state.borrow_mut();
        let at = state.find(path, true)?;
        state.sync(|change| match change {
            Change::Data { .. } => false,
            Change::Link { dir, .. } | Change::Unlink { dir, .. } => *dir == at,
            Change::Rename { from, to } => from.0 == at || to.0 == at,
            Change::Exchange { a, b } => a.0 == at || b.0 == at,
        });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.op()?;
        self.check_writable(to)?;
        let mut state = self.state.borrow_mut();
        let (from, to) = (state.place(from)?, state.place(to)?);
        let node = *state.dir(from.0)?.get(&from.1).ok_or(io::ErrorKind::NotFound)?;
        let there = state.dir(to.0)?.get(&to.1).map(|n| &state.nodes[*n]);
        match (&state.nodes[node], there) {
            (_, None) | (Node::File(_) | Node::Link(_), Some(Node::File(_) | Node::Link(_))) => {}
            (Node::Dir(_), Some(Node::Dir(entries))) if entries.is_empty() => {}
            (Node::Dir(_), Some(Node::Dir(_))) => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => return Err(io::ErrorKind::NotADirectory.into()),
        }
        state.change(Change::Rename { from, to });
        Ok(())
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> io::Result<()> {
        {
            let state = self.state.borrow();
            let (dir, name) = state.place(to)?;
            if state.dir(dir)?.contains_key(&name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
        }
        self.rename(from, to)
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        self.op()?;
        if !self.can_exchange {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.check_writable(a).and(self.check_writable(b))?;
        let mut state = self.state.borrow_mut();
        let (a, b) = (state.place(a)?, state.place(b)?);
        if !state.dir(a.0)?.contains_key(&a.1) || !state.dir(b.0)?.contains_key(&b.1) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(Change::Exchange { a, b });
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.op()?;
        let mut state = self.state.borrow_mut();
        let (dir, name) = state.place(path)?;
        match state.dir(dir)?.get(&name).map(|n| &state.nodes[*n]) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(Node::Dir(_)) => Err(io::ErrorKind::IsADirectory.into()),
            Some(_) => {
                state.change(Change::Unlink { dir, name });
                Ok(())
            }
        }
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.op()?;
        let mut state = self.state.borrow_mut();
        let (dir, name) = state.place(path)?;
        match state.dir(dir)?.get(&name).map(|n| &state.nodes[*n]) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(Node::Dir(entries)) if entries.is_empty() => {
                state.change(Change::Unlink { dir, name });
                Ok(())
            }
            Some(Node::Dir(_)) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            Some(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn store(&self, path: &Path) -> Result<Box<dyn Store>, Problem> {
        crate::fs::again(|| self.op())
            .map_err(|e| Problem::new(tensorferry_diagnostics::Kind::Environment, e.to_string()))?;
        let files = self.files(path.to_str().unwrap()).expect("what was staged is there");
        let mut store = MemoryStore::folder("staged");
        for (name, bytes) in files {
            store = store.with(name.trim_start_matches('/'), bytes);
        }
        Ok(Box::new(store))
    }
}

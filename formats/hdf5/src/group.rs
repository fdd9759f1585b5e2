//! Groups: their children, by name or in order, links followed inside the file.

use std::sync::Arc;

use crate::attribute::{Attr, read_attr, string_list};
use crate::dataset::Dataset;
use crate::error::{Error, Kind};
use crate::file::Context;
use crate::limits::Limits;
use crate::links::{ObjectKind, Target, kind_of};

/// A group of an HDF5 file.
#[derive(Clone)]
pub struct Group {
    context: Arc<Context>,
    path: String,
    address: u64,
    /// Addresses of the groups that were gone through to come here.
    above: Arc<Vec<u64>>,
}

/// An object in a group.
#[derive(Clone)]
pub enum Child {
    /// A group.
    Group(Group),
    /// A dataset.
    Dataset(Dataset),
}

impl Child {
    /// Path of the object from the root, without a leading `/`.
    pub fn path(&self) -> &str {
        match self {
            Self::Group(group) => group.path(),
            Self::Dataset(dataset) => dataset.path(),
        }
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        last_part(self.path())
    }
}

impl Group {
    pub(crate) fn root(context: Arc<Context>) -> Result<Self, Error> {
        let address = context
            .h5
            .superblock()
            .root_object_header_address()
            .map_err(|error| Error::parsed("", &error))?;
        let header = context.header("", address)?;
        if kind_of(&header) != ObjectKind::Group {
            return Err(Error::malformed("", "the root is not a group"));
        }
        Ok(Self { context, path: String::new(), address, above: Arc::default() })
    }

    /// Path from the root, without a leading `/`; empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path; empty for the root.
    pub fn name(&self) -> &str {
        last_part(&self.path)
    }

    /// Names of all links, in the order of [`Group::children`], without looking where they lead.
    ///
    /// # Errors
    /// When the group's links cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let links = self.context.links(&self.path, self.address)?;
        Ok(links.all.iter().map(|link| link.name.clone()).collect())
    }

    /// All groups and datasets in the file's iteration order: byte-wise by name (`B` before `a10`
    /// before `a2`), or in order of creation when the file tracks it. Named datatypes hold no
    /// data and are left out.
    ///
    /// # Errors
    /// When a child cannot be read, or is a link that leads out of the file or nowhere.
    pub fn children(&self) -> Result<Vec<Child>, Error> {
        let links = self.context.links(&self.path, self.address)?;
        let mut children = Vec::new();
        for link in &links.all {
            children.extend(self.child(&link.name)?);
        }
        Ok(children)
    }

    /// All child groups, in the order of [`Group::children`].
    ///
    /// # Errors
    /// As [`Group::children`].
    pub fn groups(&self) -> Result<Vec<Group>, Error> {
        let groups = self.children()?.into_iter().filter_map(|child| match child {
            Child::Group(group) => Some(group),
            Child::Dataset(_) => None,
        });
        Ok(groups.collect())
    }

    /// All child datasets, in the order of [`Group::children`].
    ///
    /// # Errors
    /// As [`Group::children`].
    pub fn datasets(&self) -> Result<Vec<Dataset>, Error> {
        let datasets = self.children()?.into_iter().filter_map(|child| match child {
            Child::Dataset(dataset) => Some(dataset),
            Child::Group(_) => None,
        });
        Ok(datasets.collect())
    }

    /// The object at a path such as `a/b/c`, relative to this group; `None` when there is none.
    ///
    /// # Errors
    /// When an object on the way cannot be read, or a link leads out of the file or nowhere.
    pub fn get(&self, path: &str) -> Result<Option<Child>, Error> {
        let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        let Some(first) = parts.next() else { return Ok(Some(Child::Group(self.clone()))) };
        let mut found = self.child(first)?;
        for part in parts {
            found = match found {
                Some(Child::Group(group)) => group.child(part)?,
                _ => return Ok(None),
            };
        }
        Ok(found)
    }

    /// The group at a relative path.
    ///
    /// # Errors
    /// [`Kind::Missing`] when there is none, else as [`Group::get`].
    pub fn group(&self, path: &str) -> Result<Group, Error> {
        match self.get(path)? {
            Some(Child::Group(group)) => Ok(group),
            Some(Child::Dataset(dataset)) => Err(Error::new(
                Kind::Missing,
                dataset.path(),
                "a dataset where a group is expected",
            )),
            None => {
                Err(Error::new(Kind::Missing, &join(&self.path, path), "there is no such group"))
            }
        }
    }

    /// The dataset at a relative path.
    ///
    /// # Errors
    /// [`Kind::Missing`] when there is none, else as [`Group::get`].
    pub fn dataset(&self, path: &str) -> Result<Dataset, Error> {
        match self.get(path)? {
            Some(Child::Dataset(dataset)) => Ok(dataset),
            Some(Child::Group(group)) => {
                Err(Error::new(Kind::Missing, group.path(), "a group where a dataset is expected"))
            }
            None => {
                Err(Error::new(Kind::Missing, &join(&self.path, path), "there is no such dataset"))
            }
        }
    }

    /// The attribute of that name, or `None`.
    ///
    /// # Errors
    /// When the attributes or this value cannot be read.
    pub fn attr(&self, name: &str) -> Result<Option<Attr>, Error> {
        read_attr(&self.context, &self.path, self.address, name)
    }

    /// Names of all attributes, in the order of the file.
    ///
    /// # Errors
    /// When the attributes cannot be read.
    pub fn attr_names(&self) -> Result<Vec<String>, Error> {
        let messages = self.context.attributes(&self.path, self.address)?;
        Ok(messages.iter().map(|message| message.name.clone()).collect())
    }

    /// A list of names as Keras writes it, or `None` when there is none: the attribute `name`, or
    /// `name0`, `name1`, … where Keras cut a list of more than 64,512 bytes. An empty list is
    /// stored as an empty array of numbers.
    ///
    /// # Errors
    /// When the attribute cannot be read or holds something else than text.
    pub fn string_list(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        string_list(&self.context, &self.path, self.address, name)
    }

    /// The object that the link `name` of this group leads to.
    fn child(&self, name: &str) -> Result<Option<Child>, Error> {
        let path = join(&self.path, name);
        let mut steps = 0;
        let Some(address) = step(&self.context, &path, self.address, name, &mut steps)? else {
            return Ok(None);
        };
        let header = self.context.header(&path, address)?;
        let context = self.context.clone();
        match kind_of(&header) {
            ObjectKind::Dataset => Dataset::read(context, path, address, &header)
                .map(|dataset| Some(Child::Dataset(dataset))),
            ObjectKind::Datatype => Ok(None),
            ObjectKind::Group => {
                if address == self.address || self.above.contains(&address) {
                    return Err(Error::malformed(
                        &path,
                        "it leads back to a group that it lies in",
                    ));
                }
                if self.above.len() + 1 >= Limits::GROUP_DEPTH_MAX {
                    let what =
                        format!("more than {} groups in each other", Limits::GROUP_DEPTH_MAX);
                    return Err(Error::limit(&path, what));
                }
                let mut above = self.above.as_ref().clone();
                above.push(self.address);
                Ok(Some(Child::Group(Group { context, path, address, above: Arc::new(above) })))
            }
        }
    }
}

/// The address that link `name` of the group at `group` leads to; soft links are followed.
/// `path` is that of the link which was asked for.
fn step(
    context: &Context,
    path: &str,
    group: u64,
    name: &str,
    steps: &mut u32,
) -> Result<Option<u64>, Error> {
    let links = context.links(path, group)?;
    match links.get(name).map(|link| &link.target) {
        None => Ok(None),
        Some(Target::Hard(address)) => Ok(Some(*address)),
        Some(Target::External(file)) => {
            let what = format!("a link to another file, `{file}`, is not followed");
            Err(Error::unsupported(path, what))
        }
        Some(Target::Soft(target)) => {
            *steps += 1;
            if *steps > Limits::SOFT_LINK_STEPS_MAX {
                let what =
                    format!("more than {} soft links to follow", Limits::SOFT_LINK_STEPS_MAX);
                return Err(Error::limit(path, what));
            }
            if target.len() > Limits::NAME_LEN_MAX {
                return Err(Error::limit(path, "a soft link with a path that is too long"));
            }
            let root = context
                .h5
                .superblock()
                .root_object_header_address()
                .map_err(|error| Error::parsed(path, &error))?;
            let mut at = if target.starts_with('/') { root } else { group };
            for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
                at = step(context, path, at, part, steps)?.ok_or_else(|| {
                    Error::malformed(
                        path,
                        format!("a soft link to `{target}`, which does not exist"),
                    )
                })?;
            }
            Ok(Some(at))
        }
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

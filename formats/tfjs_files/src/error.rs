//! What is wrong with a model's files, or with what was asked of them.

use std::fmt;
use std::io;

/// What sort of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file ends too early or is missing bytes.
    Truncated,
    /// The files are not what the format says.
    Malformed,
    /// The files are fine and hold something that the format or TensorFlow.js cannot do.
    Unsupported,
    /// They hold more than a limit allows.
    Limit,
    /// The options do not fit together.
    Usage,
    /// A value of a weight does not fit the type it is to be stored in: NaN, infinite, too large.
    Value,
    /// A file cannot be opened or read.
    Device,
}

/// What is wrong: one word wide, details behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Detail>);

/// All that an error has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What sort of error it is.
    pub kind: Kind,
    /// The shard, relative to `model.json`; empty when it is `model.json` or no file.
    pub file: String,
    /// A path inside of `model.json` such as `weightsManifest[0].weights[3].shape`, or the name of
    /// a weight; empty for the whole.
    pub field: String,
    /// What is wrong, in lower case and without a full stop.
    pub what: String,
    /// What would have been right.
    pub expected: Option<String>,
    /// What was there instead.
    pub found: Option<String>,
    /// What the user can do.
    pub hint: Option<String>,
    /// Row-major index of the element in question, for [`Kind::Value`].
    pub index: Option<u64>,
}

impl Error {
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self(Box::new(Detail {
            kind,
            file: String::new(),
            field: String::new(),
            what: what.into(),
            expected: None,
            found: None,
            hint: None,
            index: None,
        }))
    }

    pub(crate) fn malformed(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, what).at(field)
    }

    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = field.into();
        self
    }

    pub(crate) fn in_file(mut self, file: impl Into<String>) -> Self {
        self.0.file = file.into();
        self
    }

    pub(crate) fn expected(
        mut self,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        self.0.expected = Some(expected.to_string());
        self.0.found = Some(found.to_string());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn index(mut self, index: u64) -> Self {
        self.0.index = Some(index);
        self
    }

    pub(crate) fn device(error: &io::Error) -> Self {
        Self::new(Kind::Device, error.to_string())
    }

    /// What sort of error it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// All that is known.
    pub fn detail(&self) -> &Detail {
        &self.0
    }

    /// All that is known, to be turned into another error.
    pub fn into_detail(self) -> Detail {
        *self.0
    }
}

impl fmt::Display for Error {
    /// `FILE: FIELD: what, expected X, found Y`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in [&self.0.file, &self.0.field] {
            if !place.is_empty() {
                write!(f, "{place}: ")?;
            }
        }
        f.write_str(&self.0.what)?;
        if let Some(expected) = &self.0.expected {
            write!(f, ", expected {expected}")?;
        }
        if let Some(found) = &self.0.found {
            write!(f, ", found {found}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<tensorferry_json::Error> for Error {
    fn from(error: tensorferry_json::Error) -> Self {
        use tensorferry_json::Kind as Json;
        let kind = match error.kind() {
            Json::Truncated => Kind::Truncated,
            Json::Malformed => Kind::Malformed,
            Json::Unsupported => Kind::Unsupported,
            Json::Limit => Kind::Limit,
        };
        let what = format!("{} (line {}, column {})", error.what(), error.line(), error.column());
        Self::new(kind, what).at(error.path().to_string())
    }
}

impl From<Error> for tensorferry_diagnostics::Problem {
    fn from(error: Error) -> Self {
        use tensorferry_diagnostics::Kind as To;
        let Detail { kind, file, field, what, expected, found, hint, index: _ } =
            error.into_detail();
        let kind = match kind {
            Kind::Unsupported => To::Unsupported,
            Kind::Limit => To::Limit,
            Kind::Usage => To::Usage,
            Kind::Device => To::Environment,
            Kind::Truncated | Kind::Malformed | Kind::Value => To::Input,
        };
        Self { kind, file, field, what, expected, found, hint }
    }
}

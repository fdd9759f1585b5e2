//! What an op cannot do, and where in the model that was.

use std::fmt;

/// The result of everything that ops do.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose turn it is to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Attributes, shapes, types or values that the op does not take.
    Invalid,
    /// The op takes them, and we do not.
    Unsupported,
    /// More memory or steps than allowed.
    Limit,
}

/// A node that was running, or being planned, when an error arose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The function that the node is in; `None` for the main graph.
    pub function: Option<String>,
    /// The node's name.
    pub node: String,
    /// The node's op.
    pub op: String,
}

/// An error of an op; [`Error::trace`] leads from the node to the main graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whose turn it is.
    pub kind: Kind,
    /// What is wrong.
    pub what: String,
    /// The node first, then the node whose function it is in, and so on.
    pub trace: Vec<Place>,
}

impl Error {
    /// Input that the op does not take.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self { kind: Kind::Invalid, what: what.into(), trace: Vec::new() }
    }

    /// Something that the op can do and we cannot.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self { kind: Kind::Unsupported, what: what.into(), trace: Vec::new() }
    }

    /// More than a limit allows.
    pub fn limit(what: impl Into<String>) -> Self {
        Self { kind: Kind::Limit, what: what.into(), trace: Vec::new() }
    }

    /// The same, having passed through one more node.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.trace.push(place);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for (i, place) in self.trace.iter().enumerate() {
            let by = if i == 0 { "" } else { "called by " };
            write!(f, "; {by}node `{}` (`{}`)", place.node, place.op)?;
            if let Some(function) = &place.function {
                write!(f, " of function `{function}`")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::invalid(error.to_string())
    }
}

/// Returns an [`Error`] of invalid input.
macro_rules! fail {
    ($($words:tt)*) => { return Err($crate::Error::invalid(format!($($words)*))) };
}

/// Returns an [`Error`] of invalid input unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        // Not negated: a comparison with NaN does not hold either way.
        if $condition {
        } else {
            fail!($($words)*)
        }
    };
}

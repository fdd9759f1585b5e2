//! What went wrong, where, and what to do: the one shape every reported problem has.
//!
//! Format crates have their own error enums; `front`, `layers` and `back` turn them into a
//! [`Problem`], which says the file and the field inside it. A face prints it as one line.

use std::fmt;

/// Whose turn it is to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The options do not fit together or name something that is not there.
    Usage,
    /// The input is broken, or not what it says it is.
    Input,
    /// The input is fine and holds something we or the target cannot do.
    Unsupported,
    /// The input asks for more than a limit allows.
    Limit,
    /// Disk, memory or permissions.
    Environment,
    /// Our own mistake.
    Bug,
}

/// One problem, complete: where it is, what it is, what was expected and what to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Whose turn it is.
    pub kind: Kind,
    /// The file, as the user named it; empty when no file is concerned.
    pub file: String,
    /// Where in the file, for example `model_weights/d/kernel:0`; empty for the whole.
    pub field: String,
    /// What is wrong, in lower case and without a full stop.
    pub what: String,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of the given kind; add the place with [`Problem::in_file`] and [`Problem::at`].
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            file: String::new(),
            field: String::new(),
            what: what.into(),
            expected: None,
            found: None,
            hint: None,
        }
    }

    /// The input is broken.
    pub fn input(what: impl Into<String>) -> Self {
        Self::new(Kind::Input, what)
    }

    /// The options are wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// It cannot be done.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, what)
    }

    /// Names the file, unless it is named already.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        if self.file.is_empty() {
            self.file = file.into();
        }
        self
    }

    /// Names the field inside the file, unless it is named already.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        if self.field.is_empty() {
            self.field = field.into();
        }
        self
    }

    /// What would have been right, and what was there.
    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    /// `FILE: FIELD: what, expected X, found Y`, control characters escaped, on one line. What a
    /// model can make as long as it likes, its names and values, loses its middle.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        if !self.file.is_empty() {
            line.push_str(&self.file);
            line.push_str(": ");
        }
        if !self.field.is_empty() {
            line.push_str(&shortened(&printable(&self.field), FIELD_SHOWN));
            line.push_str(": ");
        }
        line.push_str(&shortened(&printable(&self.what), WHAT_SHOWN));
        if let Some(expected) = &self.expected {
            line.push_str(", expected ");
            line.push_str(expected);
        }
        if let Some(found) = &self.found {
            line.push_str(", found ");
            line.push_str(&shortened(&printable(found), FIELD_SHOWN));
        }
        f.write_str(&printable(&line))
    }
}

impl std::error::Error for Problem {}

/// Characters of a field or a value that are shown: a path of eight layers fits.
const FIELD_SHOWN: usize = 120;
/// Characters that are shown of what is wrong; some of it is a list of names.
const WHAT_SHOWN: usize = 200;

/// The begin and the end of a text that is too long to be read.
fn shortened(text: &str, shown: usize) -> std::borrow::Cow<'_, str> {
    let n = text.chars().count();
    if n <= shown {
        return text.into();
    }
    let half = shown / 2;
    let begin: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(n - half).collect();
    format!("{begin}…{end}").into()
}

/// Text from a model made safe for a terminal: control characters and bidirectional overrides
/// are written as escapes.
pub fn printable(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_odd(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

/// Everything that is wrong, never only the first; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_that_names_file_and_field() {
        let problem = Problem::input("wrong shape")
            .in_file("m.h5")
            .at("model_weights/d/kernel:0")
            .expected("[2, 3]", "[3, 2]");
        assert_eq!(
            problem.to_string(),
            "m.h5: model_weights/d/kernel:0: wrong shape, expected [2, 3], found [3, 2]"
        );
    }

    #[test]
    fn a_long_field_does_not_push_the_rest_off_the_line() {
        let deep = "layers[0].".repeat(100) + "config";
        let line = Problem::input("nested too deeply").in_file("m.h5").at(deep).to_string();
        assert!(line.chars().count() < 160, "{line}");
        assert!(line.starts_with("m.h5: layers[0].layers[0]."), "{line}");
        assert!(line.ends_with("layers[0].config: nested too deeply"), "{line}");
    }

    #[test]
    fn names_from_a_model_cannot_drive_the_terminal() {
        let problem = Problem::input("bad layer").at("evil\u{1b}[2Jname\n\u{202e}");
        assert_eq!(problem.to_string(), "evil\\u{1b}[2Jname\\n\\u{202e}: bad layer");
    }
}

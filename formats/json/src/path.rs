//! Where in a value something is, as people write it: `layers[3].config.name`.

use std::fmt;

/// Characters of one key that are shown; what follows is cut.
const KEY_SHOWN: usize = 80;

/// The keys and indices that lead to a value. Prints as `a.b[0]["odd key"]`, and as nothing for
/// the whole text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl Path {
    pub(crate) fn push_key(&mut self, key: String) {
        self.0.push(Segment::Key(key));
    }

    pub(crate) fn push_index(&mut self, index: usize) {
        self.0.push(Segment::Index(index));
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) => {
                    write!(f, "{}{key}", if i == 0 { "" } else { "." })?;
                }
                Segment::Key(key) => {
                    let shown: String = key.chars().take(KEY_SHOWN).collect();
                    let rest = if shown.len() < key.len() { "…" } else { "" };
                    write!(f, "[{shown:?}{rest}]")?;
                }
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= KEY_SHOWN
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '$'))
}

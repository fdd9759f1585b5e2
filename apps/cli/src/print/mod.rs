//! Words on the screen: tables, sizes, numbers.

pub(crate) mod inspection;
pub(crate) mod report;
pub(crate) mod tensors;
pub(crate) mod weight;

use std::fmt::Write as _;
use std::io::Write as _;

use clap::builder::styling::Style;
use tensorferry_diagnostics::printable;

use crate::errors::Outcome;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// A cell longer than this is cut, so that one name cannot push a table off the screen.
const CELL_LEN_MAX: usize = 60;

/// Prints to standard output; colors are left out where it is no terminal.
pub(crate) fn text(text: &str) -> Outcome {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// `12,345`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 weight`, `2 weights`.
pub(crate) fn plural(n: usize, word: &str) -> String {
    format!("{} {word}{}", count(n as u64), if n == 1 { "" } else { "s" })
}

/// `14.2 MB`, in powers of 1,000 as disks and networks count.
pub(crate) fn size(n_bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut size = n_bytes as f64;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n_bytes} B"),
        _ if size < 99.95 => format!("{size:.1} {}", UNITS[unit]),
        _ => format!("{size:.0} {}", UNITS[unit]),
    }
}

/// A number in a table: six significant digits, no noise behind them.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if (-4.0..6.0).contains(&magnitude) {
        let decimals = (5.0 - magnitude).max(0.0) as usize;
        let text = format!("{value:.decimals$}");
        if !text.contains('.') {
            return text;
        }
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    format!("{value:.5e}")
}

/// `(None, 28, 28, 1)`, as Keras prints shapes.
pub(crate) fn keras_shape(shape: &[Option<u64>]) -> String {
    let dims: Vec<String> =
        shape.iter().map(|dim| dim.map_or("None".to_owned(), |dim| dim.to_string())).collect();
    match dims.as_slice() {
        [only] => format!("({only},)"),
        _ => format!("({})", dims.join(", ")),
    }
}

/// Rows in columns that are as wide as their widest cell.
pub(crate) struct Table {
    /// The heading of each column; a heading that begins with `>` is aligned right.
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Text from a model is made safe here.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(cells.iter().map(|cell| cut(&printable(cell))).collect());
    }

    /// The table as text; a column without any content is left out.
    pub(crate) fn render(&self) -> String {
        let used: Vec<usize> = (0..self.headings.len())
            .filter(|column| self.rows.iter().any(|row| !row[*column].is_empty()))
            .collect();
        let heading = |column: usize| self.headings[column].trim_start_matches('>');
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([heading(column).chars().count()]).max().unwrap_or(0)
        };
        let line = |cell: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = used
                .iter()
                .map(|&column| {
                    let (text, width) = (cell(column), width(column));
                    match self.headings[column].starts_with('>') {
                        true => format!("{text:>width$}"),
                        false => format!("{text:<width$}"),
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        };
        let mut out = String::new();
        if self.headings.iter().any(|heading| !heading.trim_start_matches('>').is_empty()) {
            let _ = writeln!(out, "{BOLD}{}{BOLD:#}", line(&|column| heading(column).to_owned()));
        }
        for row in &self.rows {
            let _ = writeln!(out, "{}", line(&|column| row[column].clone()));
        }
        out
    }
}

fn cut(cell: &str) -> String {
    match cell.char_indices().nth(CELL_LEN_MAX) {
        // The end of a name tells more than its beginning: `…/block_7/conv/kernel`.
        Some(_) => {
            let skipped = cell.chars().count() - CELL_LEN_MAX + 1;
            format!("…{}", cell.chars().skip(skipped).collect::<String>())
        }
        None => cell.to_owned(),
    }
}

#[cfg(test)]
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_sizes_have_units() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (-0.5, "-0.5"),
            (1234567.0, "1.23457e6"),
            (123456.4, "123456"),
            (0.000_123_456_789, "0.000123457"),
            (1e-9, "1.00000e-9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
            (100_000.0, "100000"),
        ] {
            assert_eq!(number(value), expected);
        }
        for (value, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (14_200_000, "14.2 MB"),
            (999_999, "1.0 MB"),
        ] {
            assert_eq!(size(value), expected);
        }
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells_and_safe_for_the_terminal() {
        let mut table = Table::new(&["name", ">size", "unused"]);
        table.row(vec!["a\u{1b}[2J".into(), "1".into(), String::new()]);
        table.row(vec!["x".repeat(100), "12".into(), String::new()]);
        let text = plain(&table.render());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("name ") && lines[0].ends_with("size"));
        assert!(lines[1].starts_with("a\\u{1b}[2J "));
        assert!(lines[2].starts_with("…xxx") && lines[2].ends_with("  12"));
        assert_eq!(lines[2].chars().count(), 60 + 2 + 4);
    }
}

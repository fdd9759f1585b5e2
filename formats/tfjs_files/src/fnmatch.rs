//! Python's `fnmatch`: shell patterns for names.

/// True when `name` matches `pattern` by the rules of Python's `fnmatch.fnmatchcase`: `*` is any
/// run of characters (`/` among them), `?` any one, `[seq]` one of a set with ranges, `[!seq]` one
/// that is not; a `[` that is never closed stands for itself.
///
/// Takes time in proportion to the product of both lengths at worst.
pub fn fnmatch(name: &str, pattern: &str) -> bool {
    let tokens = tokens(pattern);
    let name: Vec<char> = name.chars().collect();
    let (mut t, mut n) = (0, 0);
    // Where the last `*` stands and how far it reaches so far. Only the last one needs another
    // try: what comes before it is matched as early as it can be.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = name.get(n) {
        match tokens.get(t) {
            Some(Token::Any) => {
                star = Some((t, n));
                t += 1;
                continue;
            }
            Some(Token::One(set)) if set.contains(*c) => {
                t += 1;
                n += 1;
                continue;
            }
            _ => {}
        }
        let Some((star_t, star_n)) = star else { return false };
        star = Some((star_t, star_n + 1));
        t = star_t + 1;
        n = star_n + 1;
    }
    tokens.iter().skip(t).all(|token| matches!(token, Token::Any))
}

enum Token {
    /// `*`
    Any,
    /// One character.
    One(Set),
}

struct Set {
    is_negated: bool,
    ranges: Vec<(char, char)>,
}

impl Set {
    fn contains(&self, c: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != self.is_negated
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        let set = match c {
            '*' => {
                out.push(Token::Any);
                continue;
            }
            '?' => Set { is_negated: true, ranges: Vec::new() },
            '[' => match take_set(&mut rest) {
                Some(set) => set,
                None => Set { is_negated: false, ranges: vec![(c, c)] },
            },
            _ => Set { is_negated: false, ranges: vec![(c, c)] },
        };
        out.push(Token::One(set));
    }
    out
}

/// The set after a `[`, if it is closed. A `]` that comes first belongs to the set.
fn take_set(rest: &mut std::str::Chars<'_>) -> Option<Set> {
    let text = rest.as_str();
    let is_negated = text.starts_with('!');
    let body = text.strip_prefix('!').unwrap_or(text);
    let first = body.chars().next()?.len_utf8();
    let end = first + body.get(first..)?.find(']')?;
    let chars: Vec<char> = body.get(..end)?.chars().collect();
    *rest = body.get(end + 1..)?.chars();
    let mut ranges = Vec::new();
    let mut i = 0;
    while let Some(low) = chars.get(i) {
        match (chars.get(i + 1), chars.get(i + 2)) {
            // A range from high to low is empty, as in Python.
            (Some('-'), Some(high)) => {
                ranges.push((*low, *high));
                i += 3;
            }
            _ => {
                ranges.push((*low, *low));
                i += 1;
            }
        }
    }
    Some(Set { is_negated, ranges })
}

#[cfg(test)]
mod tests {
    use super::fnmatch;

    #[test]
    fn patterns_match_as_in_python() {
        let cases = [
            ("", "", true),
            ("a", "", false),
            ("conv1/kernel", "conv*/kernel", true),
            ("conv1/a/kernel", "conv*/kernel", true),
            ("conv1/kernel", "Conv*", false),
            ("conv1/kernel", "*conv1*", true),
            ("conv1", "conv?", true),
            ("conv", "conv?", false),
            ("conv12", "conv?", false),
            ("conv2/bias", "conv[12]/bias", true),
            ("conv3/bias", "conv[12]/bias", false),
            ("conv3/bias", "conv[!12]/bias", true),
            ("conv3", "conv[1-4]", true),
            ("conv3", "conv[4-1]", false),
            ("conv-", "conv[a-]", true),
            ("a]b", "a[]]b", true),
            ("a]b", "a[!]]b", false),
            ("axb", "a[!]]b", true),
            ("a[b", "a[b", true),
            ("a[b", "a[[]b", true),
            ("a[]", "a[]", true),
            ("ä/b", "?/b", true),
            ("aaab", "*a*a*b", true),
            ("aaac", "*a*a*b", false),
            ("x", "**", true),
            ("a!b", "a[x!]b", true),
            ("a\\b", "a\\b", true),
        ];
        for (name, pattern, matches) in cases {
            assert_eq!(fnmatch(name, pattern), matches, "{name} {pattern}");
        }
        assert!(!fnmatch(&"a".repeat(4000), &format!("{}b", "*a".repeat(200))));
    }
}

//! `--where`: a condition on an entry, such as `action=ICAP_BLOCKED and not (latency<1000 or path~/health)`.

use crate::entry::{Entry, Field, Values};

/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 64;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// All of them hold.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// The condition does not hold.
    Not(Box<Condition>),
    /// A comparison with a value.
    Compare(Operand, Operator, String),
}

/// The left side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operand {
    /// A field; one matching value is enough.
    Field(Field),
    /// The longest transaction, in milliseconds.
    Latency,
    /// The duration of the whole request, in milliseconds.
    Duration,
}

/// The comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Contains,
}

impl Condition {
    /// Parses a condition. The error names the word that does not fit.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader {
            words: split(text)?,
            at: 0,
        };
        let condition = reader.any(MAX_DEPTH)?;
        match reader.next() {
            None => Ok(condition),
            Some(word) => Err(format!(
                "unexpected {word:?}: expected `and`, `or` or the end"
            )),
        }
    }

    /// Whether the condition holds for the entry.
    pub(crate) fn holds(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|condition| condition.holds(entry)),
            Self::Any(any) => any.iter().any(|condition| condition.holds(entry)),
            Self::Not(condition) => !condition.holds(entry),
            Self::Compare(Operand::Field(field), operator, value) => {
                let mut values = Values::default();
                entry.values(*field, &mut values);
                match operator {
                    Operator::Unequal => !values.0.iter().any(|v| v == value),
                    // A field without a value equals the empty text.
                    Operator::Equal if value.is_empty() => values.0.is_empty(),
                    _ => values.0.iter().any(|v| operator.holds(v, value)),
                }
            }
            Self::Compare(Operand::Latency, operator, value) => {
                operator.holds_for_number(entry.latency(), value)
            }
            Self::Compare(Operand::Duration, operator, value) => {
                operator.holds_for_number(entry.duration, value)
            }
        }
    }
}

impl Operator {
    fn holds(self, found: &str, value: &str) -> bool {
        match self {
            Self::Equal => found == value,
            Self::Unequal => found != value,
            Self::Contains => found.to_lowercase().contains(&value.to_lowercase()),
            _ => self.holds_for_number(found.parse().ok(), value),
        }
    }

    fn holds_for_number(self, found: Option<f64>, value: &str) -> bool {
        let (Some(found), Ok(value)) = (found, value.parse::<f64>()) else {
            return self == Self::Unequal;
        };
        match self {
            Self::Equal | Self::Contains => found == value,
            Self::Unequal => found != value,
            Self::Less => found < value,
            Self::AtMost => found <= value,
            Self::Greater => found > value,
            Self::AtLeast => found >= value,
        }
    }
}

/// A word of a condition.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    Text(String),
    Quoted(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 9] = ["!=", "<=", ">=", "=", "<", ">", "~", "(", ")"];

fn split(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let inside = rest.get(1..).unwrap_or_default();
            let (value, after) = inside
                .split_once(first)
                .ok_or_else(|| format!("the quote {first} is not closed"))?;
            words.push(Word::Quoted(value.to_owned()));
            rest = after.trim_start();
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|s| rest.starts_with(s)) {
            words.push(Word::Symbol(symbol));
            rest = rest.get(symbol.len()..).unwrap_or_default().trim_start();
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || "=<>~()\"'!".contains(c))
                .unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("unexpected {first:?}"));
            }
            let (word, after) = rest.split_at(end);
            words.push(Word::Text(word.to_owned()));
            rest = after.trim_start();
        }
    }
    Ok(words)
}

struct Reader {
    words: Vec<Word>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    /// Takes the next word if it is `expected`.
    fn takes(&mut self, expected: &str) -> bool {
        let is_it = match self.words.get(self.at) {
            Some(Word::Text(text)) => text.eq_ignore_ascii_case(expected),
            Some(Word::Symbol(symbol)) => *symbol == expected,
            _ => false,
        };
        self.at += usize::from(is_it);
        is_it
    }

    fn any(&mut self, depth: usize) -> Result<Condition, String> {
        let mut any = vec![self.all(depth)?];
        while self.takes("or") {
            any.push(self.all(depth)?);
        }
        Ok(one_or(any, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, String> {
        let mut all = vec![self.one(depth)?];
        while self.takes("and") {
            all.push(self.one(depth)?);
        }
        Ok(one_or(all, Condition::All))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, String> {
        let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
        if self.takes("not") {
            return Ok(Condition::Not(Box::new(self.one(depth)?)));
        }
        if self.takes("(") {
            let condition = self.any(depth)?;
            return if self.takes(")") {
                Ok(condition)
            } else {
                Err("a parenthesis is not closed".to_owned())
            };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let Some(Word::Text(name)) = self.next() else {
            return Err("expected a field's name".to_owned());
        };
        let operand = match name.as_str() {
            "latency" => Operand::Latency,
            "duration" => Operand::Duration,
            name => Operand::Field(Field::named(name).ok_or_else(|| unknown(name))?),
        };
        let operator = match self.next() {
            Some(Word::Symbol("=")) => Operator::Equal,
            Some(Word::Symbol("!=")) => Operator::Unequal,
            Some(Word::Symbol("<")) => Operator::Less,
            Some(Word::Symbol("<=")) => Operator::AtMost,
            Some(Word::Symbol(">")) => Operator::Greater,
            Some(Word::Symbol(">=")) => Operator::AtLeast,
            Some(Word::Symbol("~")) => Operator::Contains,
            _ => return Err(format!("expected = != < <= > >= or ~ after {name}")),
        };
        let (Some(Word::Text(value)) | Some(Word::Quoted(value))) = self.next() else {
            return Err(format!("expected a value after {name}"));
        };
        let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
        let wants_number = !matches!(operand, Operand::Field(_))
            || !matches!(
                operator,
                Operator::Equal | Operator::Unequal | Operator::Contains
            );
        if wants_number && !is_number {
            return Err(format!(
                "{name} is compared with a number here, not with {value:?}"
            ));
        }
        Ok(Condition::Compare(operand, operator, value))
    }
}

fn one_or(mut conditions: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match (conditions.len(), conditions.pop()) {
        (1, Some(condition)) => condition,
        (_, Some(last)) => {
            conditions.push(last);
            join(conditions)
        }
        (_, None) => join(conditions),
    }
}

fn unknown(name: &str) -> String {
    let names: Vec<&str> = Field::ALL.into_iter().map(Field::name).collect();
    format!(
        "no field {name:?}: there are {}, latency, duration",
        names.join(", ")
    )
}

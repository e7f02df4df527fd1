//! Names of profiles and rules.

use super::json::Json;
use super::reader::Fields;
use super::value::shown;

/// Longest name of a profile or a rule: it becomes part of names of statistics and of log entries.
pub(super) const NAME_BYTES: usize = 128;

/// The name of a profile or a rule in the names of statistics: characters other than ASCII letters, digits, `_` and `-` become
/// `_`.
pub fn stat_name(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// Notes a name that an earlier entry of the list has, or has in the names of the statistics.
pub(super) fn unique_name(fields: &Fields<'_>, names: &mut Vec<String>) {
    // A name that is wrong in itself is noted where it is read.
    if let Some(Json::Text(name)) = fields.get("name") {
        let stat = stat_name(name);
        let same = names.iter().find(|other| stat_name(other) == stat);
        match same {
            Some(same) if same == name => {
                fields.fault("name", shown(name), "a name that no other entry has");
            }
            Some(same) => fields.fault(
                "name",
                shown(name),
                format!(
                    "a name that differs from {} in more than punctuation: in the metrics both would be {stat}",
                    shown(same)
                ),
            ),
            None => names.push(name.clone()),
        }
    }
}

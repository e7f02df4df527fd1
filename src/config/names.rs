//! Names of profiles and rules.

use super::json::Json;
use super::reader::Fields;
use super::value::shown;

/// Longest name of a profile or a rule, in bytes: metrics and log entries carry it.
pub(super) const NAME_BYTES: usize = 128;

/// The name of a profile or a rule as metrics have it: characters other than ASCII letters, digits, `_` and `-` become `_`.
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

/// Notes a name that equals an earlier entry's, as it is written or as metrics have it.
pub(super) fn unique_name(fields: &Fields<'_>, names: &mut Vec<String>) {
    // The reader of the field notes a name that is wrong in itself.
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

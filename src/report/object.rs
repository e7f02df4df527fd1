//! The writer that icap_log is written with, field by field. Both forms of the log come from one walk over the entry,
//! so they cannot differ.

/// Writes an object. Its fields stand in the order in which they are added.
pub(super) trait Object {
    /// Adds text, also empty text.
    fn text(&mut self, name: &str, text: &str);
    /// Adds a whole number below 2^53, which both forms hold exactly.
    fn number(&mut self, name: &str, number: u64);
    /// Adds a truth value.
    fn truth(&mut self, name: &str, truth: bool);
    /// Adds an object. `write` adds its fields.
    fn object(&mut self, name: &str, write: impl FnOnce(&mut Self));
    /// Adds a list of texts.
    fn texts<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>);
    /// Adds a list of objects. `write` adds the fields of each.
    fn objects<T>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    );

    /// Adds a number as text: its decimal digits.
    fn digits(&mut self, name: &str, number: u64) {
        self.text(name, itoa::Buffer::new().format(number));
    }

    /// Adds text, unless it is absent or empty.
    fn add_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.text(name, text);
        }
    }

    /// Adds a number, unless it is absent.
    fn add_number(&mut self, name: &str, number: Option<impl Into<u64>>) {
        if let Some(number) = number {
            self.number(name, number.into());
        }
    }
}

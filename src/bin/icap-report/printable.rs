//! Makes text of clients fit for a terminal: no byte may move the cursor or change colours.

/// `text` with invisible characters replaced, at most `width` characters long.
pub(crate) fn printable(text: &str, width: usize) -> String {
    let mut shown = String::new();
    let mut rest = text.chars().peekable();
    for n in 1.. {
        let Some(c) = rest.next() else { break };
        if n >= width && rest.peek().is_some() {
            shown.push('…');
            break;
        }
        shown.push(if is_hidden(c) { '\u{fffd}' } else { c });
    }
    shown
}

/// Whether this is a control character, or one that changes the direction of text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

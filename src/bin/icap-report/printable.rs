//! Text of strangers on a terminal: nothing in it may move the cursor or change colours.

/// `text` with what is not meant to be seen replaced, and at most `width` characters long.
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

/// Control characters, and those that turn the direction of text around.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

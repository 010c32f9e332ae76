//! Texts from elsewhere: what may be shown of them as it is.

use std::error::Error;
use std::fmt::Write;

/// The longest text that is stored or shown, in bytes. A panic's message may be of any length.
pub const MAX_TEXT_BYTES: usize = 4_096;

/// Whether a character would not be seen, or would change how others are: control characters, and
/// the marks that reverse the direction of writing or join nothing to nothing.
pub fn is_invisible(c: char) -> bool {
    let format = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    c.is_control() || format
}

/// `text` with everything [invisible](is_invisible) spelt out as an escape, except line breaks and
/// tabs, and cut where it is too long to be read by anybody.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_TEXT_BYTES));
    for c in text.chars() {
        // Room for the longest escape and for the sign that something is missing.
        if shown.len() > MAX_TEXT_BYTES - 16 {
            shown.push('…');
            break;
        }
        if is_invisible(c) && !matches!(c, '\n' | '\t') {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// An error and what lies behind it, in one line: `cannot read x: permission denied`.
///
/// Our errors say only what they know themselves and leave the rest to their source.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelt_out() {
        assert_eq!(visible("a\u{202e}b\u{1b}[31m\n\tc"), "a\\u{202e}b\\u{1b}[31m\n\tc");
        assert_eq!(visible("naïve – “quoted” 日本"), "naïve – “quoted” 日本");
        for c in ['\0', '\u{7f}', '\u{85}', '\u{200b}', '\u{2066}', '\u{feff}', '\u{e0041}'] {
            assert!(is_invisible(c), "{}", c.escape_unicode());
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let cut = visible(&"é".repeat(MAX_TEXT_BYTES));
        assert!(cut.len() <= MAX_TEXT_BYTES && cut.ends_with("é…"), "{}", cut.len());
        let escaped = visible(&"\u{202e}".repeat(MAX_TEXT_BYTES));
        assert!(escaped.len() <= MAX_TEXT_BYTES, "{}", escaped.len());
    }

    #[test]
    fn a_chain_names_each_error_once() {
        let number = "x".parse::<u8>().expect_err("no number");
        let inner = number.to_string();
        let io = std::io::Error::new(std::io::ErrorKind::InvalidData, number);
        assert_eq!(chain(&io), inner, "an io::Error shows what it wraps in its own place");
    }
}

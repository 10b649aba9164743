//! How a text is shown that is not ours: a path, a legal name, whatever anybody may write into a bundle or onto the ledger.
//!
//! It stands between “ and ”, nothing in it can close them, and nothing in it is unseen, empty to the eye, or drawn: so a reader always
//! sees where our words end and foreign ones begin, and how many characters they are.

use core::fmt::Write as _;

/// A foreign text inside our words: between “ and ”, with quotation marks, `\`, and every character that [`is_plain`] refuses as
/// `\u{hex}`; a run of spaces as `\u{20 ×n}`. No two texts are shown alike.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 6);
    shown.push('“');
    let (mut spaces, mut marks) = (0_usize, 0_usize);
    for (place, c) in text.chars().enumerate() {
        if c == ' ' {
            (spaces, marks) = (spaces + 1, 0);
            continue;
        }
        push_spaces(&mut shown, spaces);
        marks = if is_mark(c) { marks + 1 } else { 0 };
        // A mark without a letter would stand on our quotation mark, and a pile of them on other lines.
        let is_out_of_place = marks > MARKS_MAX || (marks > 0 && (place == 0 || spaces > 0));
        spaces = 0;
        if c == '\\' || is_quote(c) || is_out_of_place || !is_plain(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    push_spaces(&mut shown, spaces);
    shown.push('”');
    shown
}

/// Several foreign texts, each [`quoted`].
pub(crate) fn list<'a>(texts: impl IntoIterator<Item = &'a str>, separator: &str) -> String {
    texts.into_iter().map(quoted).collect::<Vec<_>>().join(separator)
}

/// Marks that may stand on one letter.
const MARKS_MAX: usize = 2;

fn push_spaces(shown: &mut String, count: usize) {
    match count {
        0 => {}
        1 => shown.push(' '),
        _ => write!(shown, "\\u{{20 ×{count}}}").expect("a text takes everything"),
    }
}

/// Marks that open or close a quotation, also those that only look so.
const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‟' | '«' | '»' | '\u{301D}'..='\u{301F}' | '＂' | '\u{2E42}' | '\u{1F676}'..='\u{1F678}')
}

/// Whether a character stands on the one before it.
fn is_mark(c: char) -> bool {
    // `char::escape_debug` escapes them, `str::escape_debug` only at the beginning.
    c.escape_debug().len() > 1 && is_printable(c)
}

/// What Unicode holds to be printable: no control, format, private, unassigned character, no space but U+0020.
fn is_printable(c: char) -> bool {
    let mut text = [0_u8; 5];
    text[0] = b'a';
    let length = 1 + c.encode_utf8(&mut text[1..]).len();
    let pair = core::str::from_utf8(&text[..length]).unwrap_or_default();
    matches!(c, '"' | '\'' | '\\') || pair.escape_debug().count() == 2
}

/// Whether a character is seen as what it is: neither control, format, private nor unassigned, ignored by default, a blank other than
/// U+0020, nor one that draws lines of a table.
#[must_use]
pub fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && c != '|' || c == ' ' || is_printable(c) && !is_hidden(c) && !is_line(c)
}

/// Controls, what turns the direction of text or breaks lines, and `Default_Ignorable_Code_Point` of Unicode: what is there without being
/// seen. The ledger takes no name that holds one, so this list changes with the version of its rules alone.
#[must_use]
pub const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// What is not seen, and what has a glyph without ink, or stands for something else.
const fn is_hidden(c: char) -> bool {
    is_unseen(c)
        || matches!(
            c,
            '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{2800}' | '\u{3000}' | '\u{16FE4}'
                | '\u{1D159}' | '\u{13441}'..='\u{13442}' | '\u{1107F}'
        )
}

/// Lines, boxes and blocks, also those of brackets, and bars that look like the lines of a table.
const fn is_line(c: char) -> bool {
    matches!(
        c,
        '|' | '¦' | '\u{1C0}'..='\u{1C1}' | '\u{2016}' | '\u{2223}'..='\u{2226}' | '\u{239B}'..='\u{23BD}' | '\u{23D0}'
            | '\u{2500}'..='\u{259F}' | '\u{2758}'..='\u{275A}' | '\u{FE31}'..='\u{FE34}' | '｜' | '￤' | '￨'
            | '\u{1FB00}'..='\u{1FBFF}'
    )
}

#[cfg(test)]
mod tests;

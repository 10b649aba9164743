//! ISO/IEC 7064 MOD 37,36: one check character over digits and capital letters.

/// Value of a character: digits 0–9, letters 10–35.
const fn value(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some((byte - b'0') as u32),
        b'A'..=b'Z' => Some((byte - b'A') as u32 + 10),
        _ => None,
    }
}

/// The product that the hybrid system carries from character to character.
fn product(body: &str) -> Option<u32> {
    let mut product = 36;
    for byte in body.bytes() {
        let sum = (product + value(byte)?) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    Some(product)
}

/// The check character of a text of digits and capital letters; `None` for other characters.
///
/// Source: ISO/IEC 7064:2003, hybrid system MOD 37,36.
#[must_use]
pub fn check_character(body: &str) -> Option<char> {
    char::from_digit((37 - product(body)?) % 36, 36).map(|c| c.to_ascii_uppercase())
}

/// Whether the last character of a text is the check character of the rest.
#[must_use]
pub fn has_valid_check_character(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next_back().is_some_and(|last| !chars.as_str().is_empty() && check_character(chars.as_str()) == Some(last))
}

//! The forms that a part of a key can have, and their words.

use quancheng_types::{AccountId, Digest};
use serde::Serialize;

use crate::foreign::quoted;

/// Bytes of a part of a key, as borsh has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "form")]
pub enum Form {
    /// A little-endian number of so many bytes, within a range.
    Integer {
        /// 1, 2, 4 or 8.
        bytes: u8,
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Eight bytes, a big-endian number: a place in a list, whose rows have their keys in its order.
    Place,
    /// 32 bytes.
    Hash,
    /// 32 bytes, shown in the checked form of accounts.
    Account,
    /// `u32` count, then 1 to `max` bytes of visible ASCII (`!` to `~`).
    Text {
        /// Greatest count.
        max: u32,
    },
    /// `u32` count, then 1 to 64 of `A`–`Z`, `0`–`9`, `-`, `_`, `.`, the first a letter or digit.
    OrgId,
    /// 18 bytes: a unified social credit code (GB 32100) with its check character.
    CreditCode,
    /// Region `u32`, kind two letters, year `u16`, serial `u32`: 12 bytes.
    LedgerNumber,
    /// One byte, 1 to 7: the kind of a certificate.
    Kind,
    /// One byte, 1 (SHA-256) or 2 (SM3), then 32 bytes.
    Commitment,
}

/// Letters of ledger numbers and names of the kinds 1 to 7.
const KINDS: [(&str, &str, &str); 7] = [
    ("PR", "公共数据资源", "PUBLIC_RESOURCE"),
    ("PP", "公共数据产品", "PUBLIC_PRODUCT"),
    ("OD", "开放数据集", "OPEN_DATASET"),
    ("DR", "数据资源", "DATA_RESOURCE"),
    ("DP", "数据产品", "DATA_PRODUCT"),
    ("DA", "数据资产", "DATA_ASSET"),
    ("IP", "数据知识产权", "DATA_IP"),
];

/// Bytes of an organization's id.
const ORG_ID_BYTES_MAX: u32 = 64;
/// Greatest serial of a dossier: eight digits.
pub(super) const SERIAL_MAX: u64 = 99_999_999;
/// Digits and capital letters without I, O, S, V, Z.
const CREDIT_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Powers of 3 modulo 31.
const CREDIT_WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

impl Form {
    /// Takes this part from the front of `rest`; its words in Chinese and English. `None` when the bytes are not of this form.
    pub(crate) fn read(self, rest: &mut &[u8]) -> Option<(String, String)> {
        let same = |words: String| Some((words.clone(), words));
        match self {
            Self::Integer { bytes, min, max } => {
                let value = integer(rest, bytes.into())?;
                if (min..=max).contains(&value) { same(value.to_string()) } else { None }
            }
            Self::Place => same(u64::from_be_bytes(take(rest, 8)?.try_into().ok()?).to_string()),
            Self::Hash => same(digest(rest)?.to_string()),
            Self::Account => same(AccountId(digest(rest)?).to_text()),
            Self::Text { max } => same(visible(rest, max)?),
            Self::OrgId => same(org_id(rest)?),
            Self::CreditCode => same(credit_code(rest)?),
            Self::LedgerNumber => same(ledger_number(rest)?),
            Self::Kind => {
                let kind = usize::try_from(integer(rest, 1)?).ok()?.checked_sub(1)?;
                let (_, zh, en) = KINDS.get(kind)?;
                Some(((*zh).to_owned(), (*en).to_owned()))
            }
            Self::Commitment => {
                let algorithm = match integer(rest, 1)? {
                    1 => "SHA256",
                    2 => "SM3",
                    _ => return None,
                };
                same(format!("{algorithm}:{}", digest(rest)?))
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (part, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(part)
}

fn integer(rest: &mut &[u8], bytes: usize) -> Option<u64> {
    let part = take(rest, bytes)?;
    Some(part.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn digest(rest: &mut &[u8]) -> Option<Digest> {
    Some(Digest(take(rest, 32)?.try_into().ok()?))
}

fn text<'a>(rest: &mut &'a [u8], max: u32) -> Option<&'a str> {
    let count = integer(rest, 4)?;
    if count == 0 || count > u64::from(max) {
        return None;
    }
    core::str::from_utf8(take(rest, usize::try_from(count).ok()?)?).ok()
}

/// Visible ASCII, shown as a foreign text: what is in a bundle must not read as words of ours.
fn visible(rest: &mut &[u8], max: u32) -> Option<String> {
    let text = text(rest, max).filter(|text| text.bytes().all(|b| b.is_ascii_graphic()))?;
    Some(quoted(text))
}

/// Reads an organization's id.
fn org_id(rest: &mut &[u8]) -> Option<String> {
    let text = text(rest, ORG_ID_BYTES_MAX)?;
    let is_word = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let is_valid =
        text.bytes().next().is_some_and(is_word) && text.bytes().all(|b| is_word(b) || matches!(b, b'-' | b'_' | b'.'));
    is_valid.then(|| text.to_owned())
}

/// Reads a unified social credit code.
fn credit_code(rest: &mut &[u8]) -> Option<String> {
    let code = take(rest, 18)?;
    let values: Option<Vec<usize>> =
        code.iter().map(|byte| CREDIT_ALPHABET.iter().position(|letter| letter == byte)).collect();
    let values = values?;
    let sum: usize = values.iter().zip(CREDIT_WEIGHTS).map(|(value, weight)| value * weight).sum();
    let is_division = code.get(2..8)?.iter().all(u8::is_ascii_digit);
    let fits = values.last() == Some(&((31 - sum % 31) % 31));
    if is_division && fits { core::str::from_utf8(code).ok().map(str::to_owned) } else { None }
}

/// Whether the first two digits are those of a province (GB/T 2260).
pub(crate) const fn is_region(number: u32) -> bool {
    matches!(
        number / 10_000,
        11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=82
    )
}

fn ledger_number(rest: &mut &[u8]) -> Option<String> {
    let region = u32::try_from(integer(rest, 4)?).ok().filter(|region| is_region(*region))?;
    let letters = core::str::from_utf8(take(rest, 2)?).ok()?;
    let year = integer(rest, 2).filter(|year| (1970..=9999).contains(year))?;
    let serial = integer(rest, 4).filter(|serial| (1..=SERIAL_MAX).contains(serial))?;
    let (kind, ..) = KINDS.iter().find(|(kind, ..)| *kind == letters)?;
    let check = check_character(&format!("{region:06}{kind}{year:04}{serial:08}"))?;
    Some(format!("QC-{region:06}-{kind}-{year:04}-{serial:08}-{check}"))
}

/// ISO/IEC 7064 MOD 37,36 over digits and capital letters.
fn check_character(body: &str) -> Option<char> {
    let mut product = 36_u32;
    for c in body.chars() {
        let sum = (product + c.to_digit(36)?) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    char::from_digit((37 - product) % 36, 36).map(|c| c.to_ascii_uppercase())
}

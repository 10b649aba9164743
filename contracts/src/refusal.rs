//! Typed refusals: what a module answers when a call must not take effect.
//!
//! A receipt carries `(module, code)` only. Codes are numbered for ever; the words below are for people, are never hashed, and may
//! be improved at any time.

use core::fmt;

use quancheng_state::StoreError;

/// The name and the words of one refusal code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalText {
    /// Stable machine-readable name, `UPPER_SNAKE_CASE`, unique within its module.
    pub name: &'static str,
    /// What is wrong and what to do, in Chinese.
    pub zh: &'static str,
    /// What is wrong and what to do, in English.
    pub en: &'static str,
}

/// The refusals of one module. Implemented by [`refusals!`](crate::refusals).
pub trait RefusalCode: Copy + fmt::Debug + 'static {
    /// Every refusal, in ascending order of code.
    const ALL: &'static [Self];

    /// The number that a receipt carries.
    fn code(self) -> u16;

    /// The words.
    fn text(self) -> RefusalText;
}

/// Why a call did not take effect.
#[derive(Clone, Debug)]
pub enum Failure<E> {
    /// The caller's fault: the transaction is refused with this code and changes nothing.
    Refused(E),
    /// The disk's or the environment's fault: the node must stop before another message leaves it.
    Fatal(StoreError),
}

impl<E: RefusalCode> From<E> for Failure<E> {
    fn from(refusal: E) -> Self {
        Self::Refused(refusal)
    }
}

impl<E> From<StoreError> for Failure<E> {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error)
    }
}

impl<E> Failure<E> {
    /// The same failure in the words of another module.
    pub fn map<F>(self, into: impl FnOnce(E) -> F) -> Failure<F> {
        match self {
            Self::Refused(refusal) => Failure::Refused(into(refusal)),
            Self::Fatal(error) => Failure::Fatal(error),
        }
    }
}

/// Declares the refusals of a module: `Variant = code, "NAME", "中文", "English";`.
///
/// The written discriminants make a repeated code a compile error; the English text is the documentation of the variant.
#[macro_export]
macro_rules! refusals {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($variant:ident = $code:literal, $text:literal, $zh:literal, $en:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        $vis enum $name {
            $(#[doc = $en] $variant = $code,)+
        }

        impl $crate::refusal::RefusalCode for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn code(self) -> u16 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            fn text(self) -> $crate::refusal::RefusalText {
                match self {
                    $(Self::$variant => $crate::refusal::RefusalText { name: $text, zh: $zh, en: $en },)+
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let text = $crate::refusal::RefusalCode::text(*self);
                write!(f, "{}: {}", text.name, text.en)
            }
        }

        impl ::core::error::Error for $name {}
    };
}

//! The readable form: `{"format": "quancheng-bundle", "version": 1, "bundle": {…}}`.

use serde::{Deserialize, Serialize};

use super::{BUNDLE_FORMAT, BUNDLE_JSON_BYTES_MAX, BUNDLE_JSON_SEPARATORS_MAX, BUNDLE_VERSION, Bundle, BundleError};
use crate::spelling::{self, JSON_DEPTH_MAX};
use quancheng_types::DecodeError;

#[derive(Serialize)]
struct FileOut<'a> {
    format: &'a str,
    version: u16,
    bundle: &'a Bundle,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileIn {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "version")]
    _version: u16,
    bundle: Bundle,
}

impl Bundle {
    /// The readable form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.file()).expect("every field has a JSON form");
        text.push('\n');
        text
    }

    /// Decodes the readable form. White space, the order of fields and escapes in texts are free; everything else has one spelling.
    /// What the compact form would refuse for its size is refused here too.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn from_json(text: &[u8]) -> Result<Self, BundleError> {
        if u32::try_from(text.len()).map_or(true, |n| n > BUNDLE_JSON_BYTES_MAX) {
            return Err(BundleError::Decode(DecodeError::TooLarge { bytes: text.len(), max: BUNDLE_JSON_BYTES_MAX }));
        }
        let extent = spelling::extent(text);
        if extent.separators > BUNDLE_JSON_SEPARATORS_MAX {
            return Err(BundleError::TooMany { part: "values in the JSON form", max: BUNDLE_JSON_SEPARATORS_MAX });
        }
        if extent.depth > JSON_DEPTH_MAX {
            return Err(BundleError::TooMany { part: "nested values in the JSON form", max: JSON_DEPTH_MAX });
        }
        let frame = spelling::frame(text).map_err(|error| fault(&error))?;
        if frame.format != BUNDLE_FORMAT {
            return Err(BundleError::NotABundle);
        }
        if frame.version != u64::from(BUNDLE_VERSION) {
            return Err(BundleError::Version { found: frame.version });
        }
        let file: FileIn = serde_json::from_slice(text).map_err(|error| fault(&error))?;
        let bundle = file.bundle;
        bundle.check_size()?;
        if spelling::is_of(text, &bundle.file()).map_err(|error| fault(&error))? {
            Ok(bundle)
        } else {
            Err(BundleError::JsonNotCanonical)
        }
    }

    const fn file(&self) -> FileOut<'_> {
        FileOut { format: BUNDLE_FORMAT, version: BUNDLE_VERSION, bundle: self }
    }
}

fn fault(error: &serde_json::Error) -> BundleError {
    BundleError::Json { line: error.line(), column: error.column(), reason: error.to_string() }
}

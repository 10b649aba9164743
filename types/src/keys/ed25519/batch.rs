//! Many signatures at once.
//!
//! With `D_i = [8](s_i B − R_i − k_i A_i)`, item i passes the single rule exactly when `D_i` is the identity. Every `D_i`
//! lies in the group of prime order L. A batch checks `Σ z_i D_i = 0` with scalars `z_i` of 128 bits: when all items pass,
//! it always holds; when one fails, at most one value of that item's `z_i` in 2^128 hides it, whatever the others are.
//! The `z_i` come from a hash over every `A_i, R_i, s_i, k_i` of the batch (Fiat and Shamir), so the verdict is the same on
//! every machine and nobody can choose an item after seeing its scalar.
//!
//! The scheme is that of Bernstein, Duif, Lange, Schwabe and Yang, *High-speed high-security signatures* (CHES 2011), §5,
//! with the cofactored equation of RFC 8032 and derived scalars instead of random ones.

use std::collections::BTreeMap;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use sha2::{Digest, Sha512};

use super::verify::{Claim, PreparedKey};
use crate::keys::{ED25519_KEY_BYTES, Signature, SignatureError};

/// Items that are checked by one equation; longer slices are taken in pieces of this size. It bounds the working
/// memory (about 2 MiB) and is far beyond the point where a larger batch would be cheaper per item.
pub const BATCH_ITEMS_MAX: usize = 4096;

/// Below this many items a bisection asks the single rule, which is then as cheap as a batch.
const BISECT_ITEMS_MIN: usize = 4;

/// How many times the number of items [`find_invalid`] may spend on batch equations before it turns to the single rule
/// for the rest. One invalid item needs 2, so 4 finds a few; it bounds what a flood of invalid items can cost.
const BISECT_WORK_FACTOR: usize = 4;

/// Domain tag of the batch transcript. It is part of no message and no stored byte.
const TRANSCRIPT_TAG: &[u8] = b"quancheng/signature-batch/1";
/// Domain tag of the scalars derived from the transcript.
const SCALARS_TAG: &[u8] = b"quancheng/signature-batch-scalars/1";
/// Length of one batch scalar in bytes: the error probability of a batch is 2^-128.
const SCALAR_BYTES: usize = 16;

/// One signature to be checked together with others.
#[derive(Clone, Copy, Debug)]
pub struct BatchItem<'a> {
    /// The key that is said to have signed.
    pub key: &'a PreparedKey,
    /// The bytes that were signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a Signature,
}

/// Checks many signatures together: `Ok` exactly when each of them passes [the rule](crate::keys#the-rule), up to a
/// probability of 2^-128. No items are valid items.
///
/// Items of one key cost less when they are in one batch.
///
/// # Errors
/// The error of the first malformed item of a piece of [`BATCH_ITEMS_MAX`] items, or [`SignatureError::EquationFailed`] when
/// all items of the piece are well formed. [`find_invalid`] names the items.
pub fn verify_batch(items: &[BatchItem<'_>]) -> Result<(), SignatureError> {
    for piece in items.chunks(BATCH_ITEMS_MAX) {
        let claims = piece
            .iter()
            .map(|item| Claim::new(item.key, item.message, item.signature))
            .collect::<Result<Vec<_>, _>>()?;
        if !all_hold(&claims) {
            return Err(SignatureError::EquationFailed);
        }
    }
    Ok(())
}

/// The indexes, ascending, of the items that fail [the rule](crate::keys#the-rule); the rest pass it.
///
/// Finds a few invalid items by bisection for about twice the price of [`verify_batch`]. Many invalid items cost at most
/// four batches and one single check of each item.
#[must_use]
pub fn find_invalid(items: &[BatchItem<'_>]) -> Vec<usize> {
    let mut invalid = Vec::new();
    for (piece_index, piece) in items.chunks(BATCH_ITEMS_MAX).enumerate() {
        let first = piece_index * BATCH_ITEMS_MAX;
        let mut bisection = Bisection { work_left: piece.len() * BISECT_WORK_FACTOR, invalid: Vec::new() };
        let mut indexes = Vec::with_capacity(piece.len());
        let mut claims = Vec::with_capacity(piece.len());
        for (index, item) in (first..).zip(piece) {
            match Claim::new(item.key, item.message, item.signature) {
                Ok(claim) => {
                    indexes.push(index);
                    claims.push(claim);
                }
                Err(_) => bisection.invalid.push(index),
            }
        }
        bisection.search(&indexes, &claims, Suspicion::Unknown);
        bisection.invalid.sort_unstable();
        invalid.append(&mut bisection.invalid);
    }
    invalid
}

/// What is known of a range before it is searched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Suspicion {
    /// Nothing.
    Unknown,
    /// A range around it fails and the rest of that range passes, so asking again would waste a batch.
    Certain,
}

/// A search for the claims that do not hold.
struct Bisection {
    /// Claims that may still be put into batch equations.
    work_left: usize,
    /// Indexes found so far.
    invalid: Vec<usize>,
}

impl Bisection {
    /// Searches a range and says whether it found anything. The depth is the binary logarithm of [`BATCH_ITEMS_MAX`].
    fn search(&mut self, indexes: &[usize], claims: &[Claim<'_>], suspicion: Suspicion) -> bool {
        if claims.len() < BISECT_ITEMS_MIN || self.work_left < claims.len() {
            return self.ask_each(indexes, claims);
        }
        if suspicion == Suspicion::Unknown {
            self.work_left -= claims.len();
            if all_hold(claims) {
                return false;
            }
        }
        let middle = claims.len() / 2;
        let (left_indexes, right_indexes) = indexes.split_at(middle);
        let (left, right) = claims.split_at(middle);
        let found_left = self.search(left_indexes, left, Suspicion::Unknown);
        let suspicion = if found_left { Suspicion::Unknown } else { Suspicion::Certain };
        let found_right = self.search(right_indexes, right, suspicion);
        found_left || found_right
    }

    /// Asks the single rule about each claim.
    fn ask_each(&mut self, indexes: &[usize], claims: &[Claim<'_>]) -> bool {
        let before = self.invalid.len();
        for (&index, claim) in indexes.iter().zip(claims) {
            if !claim.holds() {
                self.invalid.push(index);
            }
        }
        self.invalid.len() > before
    }
}

/// Whether every claim holds: `[8](Σ z_i R_i + Σ_A (Σ z_i k_i) A − (Σ z_i s_i) B)` is the identity.
fn all_hold(claims: &[Claim<'_>]) -> bool {
    match claims {
        [] => return true,
        [claim] => return claim.holds(),
        _ => {}
    }
    let mut base_scalar = Scalar::ZERO;
    let mut by_key: BTreeMap<&[u8; ED25519_KEY_BYTES], (Scalar, &EdwardsPoint)> = BTreeMap::new();
    let mut scalars = Vec::with_capacity(2 * claims.len() + 1);
    let mut points = Vec::with_capacity(2 * claims.len() + 1);
    for (claim, z) in claims.iter().zip(batch_scalars(claims)) {
        base_scalar -= z * claim.s;
        by_key.entry(claim.key.encoding()).or_insert((Scalar::ZERO, claim.key.point())).0 += z * claim.k;
        scalars.push(z);
        points.push(claim.r);
    }
    for (scalar, point) in by_key.into_values() {
        scalars.push(scalar);
        points.push(*point);
    }
    scalars.push(base_scalar);
    points.push(ED25519_BASEPOINT_POINT);
    EdwardsPoint::vartime_multiscalar_mul(scalars, points).mul_by_cofactor().is_identity()
}

/// One scalar of 128 bits for each claim, derived from all of them.
fn batch_scalars(claims: &[Claim<'_>]) -> impl Iterator<Item = Scalar> {
    let mut transcript = Sha512::new();
    transcript.update(TRANSCRIPT_TAG);
    for claim in claims {
        transcript.update(claim.key.encoding());
        transcript.update(claim.r_encoding);
        transcript.update(claim.s.as_bytes());
        transcript.update(claim.k.as_bytes());
    }
    let seed = transcript.finalize();
    let blocks = (0_u64..).map(move |counter| {
        Sha512::new().chain_update(SCALARS_TAG).chain_update(seed).chain_update(counter.to_le_bytes()).finalize()
    });
    blocks
        .flat_map(|block| {
            let block: [u8; 64] = block.into();
            (0..block.len() / SCALAR_BYTES).map(move |part| {
                let mut bytes = [0; 32];
                let start = part * SCALAR_BYTES;
                bytes[..SCALAR_BYTES].copy_from_slice(&block[start..start + SCALAR_BYTES]);
                Scalar::from_bytes_mod_order(bytes)
            })
        })
        .take(claims.len())
}

//! Named effects of other modules on certificates, and public reads (domain model §2.11).

use quancheng_state::{Overlay, StateKey, StoreError, View};
use quancheng_types::List;

use super::dossier::Dossier;
use super::types::{BY_NUMBER, DOSSIERS, Encumbrance, REGISTRATIONS, Registration, RegistrationId};
use crate::domain::LedgerNumber;

/// A registration by serial.
///
/// # Errors
/// [`StoreError`].
pub fn registration(view: &dyn View, id: RegistrationId) -> Result<Option<Registration>, StoreError> {
    REGISTRATIONS.read(view, &id)
}

/// The entry that holds a registration.
#[must_use]
pub fn registration_key(id: RegistrationId) -> StateKey {
    REGISTRATIONS.key(&id)
}

/// The serial behind a ledger number.
///
/// # Errors
/// [`StoreError`].
pub fn by_number(view: &dyn View, number: &LedgerNumber) -> Result<Option<RegistrationId>, StoreError> {
    BY_NUMBER.read(view, number)
}

/// The entry that exists if and only if a certificate with this number was issued: its absence proves that none was.
#[must_use]
pub fn number_key(number: &LedgerNumber) -> StateKey {
    BY_NUMBER.key(number)
}

/// The statement that a registration's current version certifies.
///
/// # Errors
/// [`StoreError`].
pub fn dossier(view: &dyn View, registration: &Registration) -> Result<Option<Dossier>, StoreError> {
    DOSSIERS.read(view, &(registration.id, registration.revision))
}

/// Why nothing can be put on a certificate, or taken off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No such registration, or it is not in force.
    NotInForce,
    /// A request of the holder waits for the registrar.
    RequestPending,
    /// The same encumbrance is there already, or no more fit.
    Occupied,
    /// There is no such encumbrance.
    Absent,
}

/// Records that something of another module rests on a certificate: a pledge, an open order, a licence, a case. While it does, the
/// certificate cannot be cancelled, and a pledge makes a transfer need its pledgee's signature (domain invariants R5, R6).
///
/// # Errors
/// [`StoreError`]; the inner error when the certificate cannot carry it.
pub fn encumber(
    overlay: &mut Overlay<'_>,
    id: RegistrationId,
    entry: Encumbrance,
    time_ms: u64,
) -> Result<Result<(), Obstacle>, StoreError> {
    let Some(mut registration) =
        REGISTRATIONS.read(overlay, &id)?.filter(|registration| registration.is_in_force(time_ms))
    else {
        return Ok(Err(Obstacle::NotInForce));
    };
    if registration.pending.is_some() {
        return Ok(Err(Obstacle::RequestPending));
    }
    let mut entries = registration.encumbrances.to_vec();
    let Err(place) = entries.binary_search(&entry) else {
        return Ok(Err(Obstacle::Occupied));
    };
    entries.insert(place, entry);
    let Ok(entries) = List::new(entries) else {
        return Ok(Err(Obstacle::Occupied));
    };
    registration.encumbrances = entries;
    REGISTRATIONS.put(overlay, &id, &registration);
    Ok(Ok(()))
}

/// Takes an encumbrance off, whatever has become of the certificate meanwhile.
///
/// # Errors
/// [`StoreError`]; the inner error when there is none.
pub fn disencumber(
    overlay: &mut Overlay<'_>,
    id: RegistrationId,
    entry: &Encumbrance,
) -> Result<Result<(), Obstacle>, StoreError> {
    let Some(mut registration) = REGISTRATIONS.read(overlay, &id)? else {
        return Ok(Err(Obstacle::Absent));
    };
    let mut entries = registration.encumbrances.to_vec();
    let Ok(place) = entries.binary_search(entry) else {
        return Ok(Err(Obstacle::Absent));
    };
    entries.remove(place);
    let Ok(entries) = List::new(entries) else {
        return Ok(Err(Obstacle::Occupied));
    };
    registration.encumbrances = entries;
    REGISTRATIONS.put(overlay, &id, &registration);
    Ok(Ok(()))
}

//! `quanchengd` (being assembled).
fn main() {}

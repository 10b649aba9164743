//! Deliberate mistakes, one per class that has broken chains elsewhere. The simulator must find every one of them; a
//! harness that misses one is not believed. Compiled only with the feature `planted-bugs`; without it every question is
//! answered with a constant `false`.

/// Which mistakes this engine makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<PlantedBug>,
}

/// `meaning, name of the mistake, question`: the list, and one question for each.
macro_rules! planted {
    ($($(#[doc = $doc:literal])+ $bug:ident = $question:ident;)+) => {
        /// A deliberate mistake.
        #[cfg(feature = "planted-bugs")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum PlantedBug {
            $($(#[doc = $doc])+ $bug,)+
        }

        #[cfg(feature = "planted-bugs")]
        impl PlantedBug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),+];
        }

        #[cfg(feature = "planted-bugs")]
        impl Planted {
            $($(#[doc = $doc])+ pub(crate) fn $question(self) -> bool {
                self.bug == Some(PlantedBug::$bug)
            })+
        }

        #[cfg(not(feature = "planted-bugs"))]
        impl Planted {
            $($(#[doc = $doc])+ pub(crate) const fn $question(self) -> bool {
                false
            })+
        }
    };
}

planted! {
    // Durability and signing.
    /// The sign record and the log are ignored at a restart: votes are forgotten.
    ForgottenVote = forgotten_vote;
    /// The log is not replayed into the voting core at a restart: locks are forgotten.
    ForgottenLock = forgotten_lock;
    /// Messages leave before the flush.
    EarlySend = early_send;
    /// The own height is announced before the block of that height is flushed.
    EarlyStatus = early_status;
    // Quorums and signatures.
    /// A batch certificate needs one validator less than a quorum.
    BatchQuorum = batch_quorum;
    /// A commit certificate that comes by sync needs one validator less than a quorum.
    CommitQuorum = commit_quorum;
    /// A polka certificate needs one validator less than a quorum.
    PolkaQuorum = polka_quorum;
    /// One vote of a later round, whoever cast it, is reason enough to enter that round.
    RoundQuorum = round_quorum;
    /// One half of the power counts as a quorum of votes.
    VoteQuorum = vote_quorum;
    /// Signatures of votes are not verified.
    VoteUnchecked = vote_unchecked;
    /// Signatures in certificates of batches are not verified.
    BatchSignatureUnchecked = batch_signature_unchecked;
    /// A signature of somebody outside of the set does not spoil a certificate.
    StrangerSignature = stranger_signature;
    /// A block that comes by sync is committed without a look at its certificate.
    SyncUnchecked = sync_unchecked;
    /// A block that comes by sync may come with the certificate of another one.
    SyncOtherBlock = sync_other_block;
    // Rules of blocks.
    /// A proposal with another parent is voted for.
    WrongParent = wrong_parent;
    /// The history root of a proposal and of a decided block is not compared with the own one.
    RootNotCompared = root_not_compared;
    /// Results are certified under the root of the height before.
    WrongHeightRoot = wrong_height_root;
    /// A proposal of a validator whose turn it is not is voted for.
    WrongProposer = wrong_proposer;
    /// Any version of the protocol is voted for.
    VersionIgnored = version_ignored;
    /// The time of a proposal is not compared with the own clock.
    ClockIgnored = clock_ignored;
    /// The time of a block may be before its parent's.
    TimeBackward = time_backward;
    /// The next set that a header names is not looked at.
    NextSetIgnored = next_set_ignored;
    /// The executed height that a header names is not looked at.
    LagIgnored = lag_ignored;
    /// The absences that a block lists are not compared with those that follow from its parent.
    AbsencesBelieved = absences_believed;
    /// The content of a block is not compared with the roots in its header.
    BodyUnchecked = body_unchecked;
    /// A block may hold more batches than the parameter allows.
    ManyBatches = many_batches;
    /// A set comes into force one height early.
    EarlySet = early_set;
    /// A set comes into force one height late.
    LateSet = late_set;
    /// Parameters come into force one height early.
    EarlyParameters = early_parameters;
    /// A version comes into force one height early.
    EarlyVersion = early_version;
    // Batches.
    /// A batch is acknowledged before it was checked and stored.
    EarlyAck = early_ack;
    /// A batch that could not be stored is acknowledged.
    AckUnstored = ack_unstored;
    /// A batch with an invalid transaction is acknowledged.
    AckInvalid = ack_invalid;
    /// A batch is ordered again.
    RepeatedBatch = repeated_batch;
    /// A batch may stand twice in one block.
    RepeatInBlock = repeat_in_block;
    /// Only the latest numbers of an author count as ordered.
    ShortWindow = short_window;
    /// Own batches that come right after a restart are dropped.
    OwnBatchesLost = own_batches_lost;
    /// Acknowledged batches are dropped at the next block, ordered or not.
    AcknowledgedDropped = acknowledged_dropped;
    /// A fetched batch is not compared with the header that was ordered.
    FetchUnchecked = fetch_unchecked;
    /// A missing batch is asked for at the first source only, however long that keeps it waiting.
    OneSource = one_source;
    /// As many batches of another author are held as it likes.
    AuthorUnbounded = author_unbounded;
    // Peers.
    /// The greatest height that anybody claims is believed.
    ClaimsBelieved = claims_believed;
    /// Nobody is asked for decided blocks.
    NoSync = no_sync;
    /// A certificate of another set is held against the peer that sends it.
    OtherSetBlamed = other_set_blamed;
    // Punishment.
    /// Proofs against validators are never put into a block.
    Unpunished = unpunished;
    /// Proofs against validators are not verified.
    HonestPunished = honest_punished;
}

impl Planted {
    /// As configured.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn new(bug: Option<PlantedBug>) -> Self {
        Self { bug }
    }
}

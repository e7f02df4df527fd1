//! Mistakes that can be switched on, one at a time: proof that the simulation would find them (`make simulate-check`).
//!
//! Each stands where somebody could make it. Without the feature `seeded-bugs` none can be switched on, and nothing is left of
//! them.

#[cfg(feature = "seeded-bugs")]
use std::cell::Cell;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An empty `req-body` counts as none at all.
    EmptyBodyIsNone,
    /// A status that ICAP does not define lets a message pass.
    UndefinedStatusPasses,
    /// A page that breaks off says nothing.
    CutOffPageOpens,
    /// A message goes on though another had begun in its place.
    FailedChangeOpens,
    /// A body counts as changed though the change failed.
    EditFailureIgnored,
    /// A second outcome of a message is counted too.
    OutcomeCountedTwice,
    /// Something is sent on a connection in the callback that brings its bytes.
    SendWhileReceiving,
    /// What was handed on is served in the callback that brings bytes.
    SettledWhileReceiving,
    /// Another connection is opened after one that failed at once.
    SecondFailingOpen,
    /// A message is let go in mid-body from elsewhere.
    MidwayResume,
    /// A message is sent anew though a server had begun to change it.
    RetryAfterChange,
    /// A connection is used again though something follows the answer.
    ReuseWithLeftover,
    /// A connection is used again though the rest of a body is owed.
    ReuseWhileOwed,
    /// After `100 Continue` the preview is sent once more.
    RestFromTheStart,
    /// A body that is whole in its preview is not said to be.
    NoIeof,
    /// The client's upload counts as the server's time.
    ClockRunsDuringUpload,
    /// What is given up is ended as if it were whole.
    LastChunkWhenGivenUp,
    /// The queue calls back once and never again.
    CallLost,
    /// What Envoy refuses within an edit is not logged before.
    NestedRefusalUnlogged,
    /// No clock is set for messages that are held.
    NoTickForHeld,
    /// Trailers do not end a body.
    TrailersDoNotEnd,
    /// A changed body keeps the length of the original.
    LengthNotUpdated,
    /// A head that the server changed counts as unchanged.
    HeadChangeIgnored,
    /// What verdict headers say does not count with a 2xx.
    InfectionPasses,
    /// Verdict headers behind the body do not count.
    VerdictTrailersIgnored,
    /// A 206 goes on with the original one byte late.
    PartialOffByOne,
    /// Every failure lets its message go on.
    EveryFailureOpens,
    /// A client is answered while Envoy holds the body.
    BodyLeftForErrorPage,
    /// A connection that was closed stays in its pool.
    ActiveForEver,
    /// A server that has too much to do is asked again and again.
    RetriedForEver,
    /// A body past the limit is scanned.
    OversizeScanned,
    /// What a client says of the outcome goes on.
    ClientSaysOutcome,
    /// A message whose client has left keeps its connection.
    GoneKeepsConnection,
    /// What ends without a verdict is not logged.
    AbandonedUnlogged,
    /// Of messages that were joined only the first goes to the server.
    JoinedMessagesLost,
    /// A connection that is being established is given up at once.
    CloseWhileConnecting,
    /// A scan that takes too long is not ended.
    StallNotNoticed,
    /// A message goes on before its outcome is logged.
    LoggedTooLate,
    /// Bytes that nobody asked for count as an answer.
    StrayAnswerTaken,
    /// What is monitored is blocked.
    MonitorBlocks,
    /// What is monitored is changed.
    MonitorChanges,
    /// What Envoy or its client ends of what is monitored is logged as done by the filter.
    MonitoredEndEnforced,
    /// Of a form's files those behind the first are not shown.
    FileUnshown,
    /// The fields of a form with files are not shown.
    FieldsUnshown,
    /// The first part that passes lets its form go on.
    FirstPartDecides,
    /// A form that can be read in two ways is shown as it is.
    AmbiguousFormShown,
    /// A form goes on as it came though a part of it was changed.
    ChangedPartIgnored,
    /// An answer that waits for the rest of a body keeps its connection.
    RestKeepsConnection,
    /// No connection is taken from an upload that its client delays.
    UploadPinsPool,
    /// An upload whose connection was taken is sent anew before it has come in whole.
    ParkedTooShort,
    /// The end of a large change overwrites what of it is in place.
    PlacedOverwritten,
    /// What of the original stays in a changed body is lost on its way to the buffer's end.
    TurnedPieceLost,
    /// A server may fall behind a body that streams as far as it will.
    LagUnbounded,
    /// A message that streams goes on for good though its scan failed.
    StreamOpens,
    /// The end of a stream goes on though somebody keeps a copy of its beginning.
    CopyOverlooked,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 55] = [
        Self::EmptyBodyIsNone,
        Self::UndefinedStatusPasses,
        Self::CutOffPageOpens,
        Self::FailedChangeOpens,
        Self::EditFailureIgnored,
        Self::OutcomeCountedTwice,
        Self::SendWhileReceiving,
        Self::SettledWhileReceiving,
        Self::SecondFailingOpen,
        Self::MidwayResume,
        Self::RetryAfterChange,
        Self::ReuseWithLeftover,
        Self::ReuseWhileOwed,
        Self::RestFromTheStart,
        Self::NoIeof,
        Self::ClockRunsDuringUpload,
        Self::LastChunkWhenGivenUp,
        Self::CallLost,
        Self::NestedRefusalUnlogged,
        Self::NoTickForHeld,
        Self::TrailersDoNotEnd,
        Self::LengthNotUpdated,
        Self::HeadChangeIgnored,
        Self::InfectionPasses,
        Self::VerdictTrailersIgnored,
        Self::PartialOffByOne,
        Self::EveryFailureOpens,
        Self::BodyLeftForErrorPage,
        Self::ActiveForEver,
        Self::RetriedForEver,
        Self::OversizeScanned,
        Self::ClientSaysOutcome,
        Self::GoneKeepsConnection,
        Self::AbandonedUnlogged,
        Self::JoinedMessagesLost,
        Self::CloseWhileConnecting,
        Self::StallNotNoticed,
        Self::LoggedTooLate,
        Self::StrayAnswerTaken,
        Self::MonitorBlocks,
        Self::MonitorChanges,
        Self::MonitoredEndEnforced,
        Self::FileUnshown,
        Self::FieldsUnshown,
        Self::FirstPartDecides,
        Self::AmbiguousFormShown,
        Self::ChangedPartIgnored,
        Self::RestKeepsConnection,
        Self::UploadPinsPool,
        Self::ParkedTooShort,
        Self::PlacedOverwritten,
        Self::TurnedPieceLost,
        Self::LagUnbounded,
        Self::StreamOpens,
        Self::CopyOverlooked,
    ];
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static MADE: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether that mistake is made.
#[cfg(not(feature = "seeded-bugs"))]
pub(crate) const fn bug(_: Bug) -> bool {
    false
}

/// Whether that mistake is made.
#[cfg(feature = "seeded-bugs")]
pub(crate) fn bug(which: Bug) -> bool {
    MADE.get() == Some(which)
}

/// From now on that mistake is made in this thread, and no other.
#[cfg(feature = "seeded-bugs")]
pub fn make(which: Option<Bug>) {
    MADE.set(which);
}

//! Mistakes that a test switches on, one at a time, to prove that the simulation finds them (`make simulate-check`).
//!
//! Each stands where a programmer could make it. Without the feature `seeded-bugs` the compiler leaves all of them out.

#[cfg(feature = "seeded-bugs")]
use std::cell::Cell;

/// A mistake. The text of each says what the filter then does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An empty `req-body` counts as `null-body`.
    EmptyBodyIsNone,
    /// A status code that ICAP does not define lets a message pass.
    UndefinedStatusPasses,
    /// An ICAP response that breaks off within its page counts as a failure, which may let the message go on.
    CutOffPageOpens,
    /// A message goes on as it was though the server had begun to send a changed one.
    FailedChangeOpens,
    /// A body counts as changed though the host refused the edit.
    EditFailureIgnored,
    /// A second outcome of a message is counted too.
    OutcomeCountedTwice,
    /// The filter sends on a connection in the callback that brings this connection's bytes.
    SendWhileReceiving,
    /// A request gets the connection that another has given back in the callback that brings bytes.
    SettledWhileReceiving,
    /// The filter opens another connection in a callback in which one has failed at once.
    SecondFailingOpen,
    /// A message goes on in mid-body from a callback that is not its own.
    MidwayResume,
    /// A submission is sent anew though a server had begun to send a changed message.
    RetryAfterChange,
    /// A connection is used again though bytes follow the ICAP response.
    ReuseWithLeftover,
    /// A connection is used again though the server has not got the rest of a body.
    ReuseWhileOwed,
    /// After `100 Continue` the filter sends the preview once more.
    RestFromTheStart,
    /// A preview that holds the whole body ends without `ieof`.
    NoIeof,
    /// The time-out of the server also runs while the filter waits for the client's upload.
    ClockRunsDuringUpload,
    /// An ICAP request that is given up gets a last chunk, as if its body were whole.
    LastChunkWhenGivenUp,
    /// The worker asks for one wake-up and never for another.
    CallLost,
    /// A message that Envoy refuses within an edit is not logged before that edit.
    NestedRefusalUnlogged,
    /// No tick is set while messages are held.
    NoTickForHeld,
    /// Trailers do not end a body.
    TrailersDoNotEnd,
    /// A changed body keeps the length of the original.
    LengthNotUpdated,
    /// A head that the server changed counts as unchanged.
    HeadChangeIgnored,
    /// Verdict headers do not count with a 2xx.
    InfectionPasses,
    /// Verdict headers behind the body do not count.
    VerdictTrailersIgnored,
    /// A 206 goes on with the original one byte late.
    PartialOffByOne,
    /// Every failure lets its message go on.
    EveryFailureOpens,
    /// A local reply is sent while Envoy still holds the body.
    BodyLeftForErrorPage,
    /// A connection that was closed stays in its pool as one in use.
    ActiveForEver,
    /// A submission is sent again and again to a server that is overloaded.
    RetriedForEver,
    /// A body past the limit is scanned.
    OversizeScanned,
    /// Header fields in which a client claims an outcome reach the application.
    ClientSaysOutcome,
    /// A message whose client has left keeps its connection.
    GoneKeepsConnection,
    /// A message that ends without a verdict is not logged.
    AbandonedUnlogged,
    /// Of gRPC messages that Envoy has joined only the first goes to the server.
    JoinedMessagesLost,
    /// A connection that is still being established is closed at once.
    CloseWhileConnecting,
    /// A scan that takes too long is not ended.
    StallNotNoticed,
    /// A message goes on before its outcome is logged.
    LoggedTooLate,
    /// Bytes that come before the ICAP request was sent count as its ICAP response.
    StrayBytesTaken,
    /// A monitored message is blocked.
    MonitorBlocks,
    /// A monitored message is changed.
    MonitorChanges,
    /// A monitored message that Envoy or the client ends is logged as if the filter had ended it.
    MonitoredEndEnforced,
    /// No server is shown a form's second file or those behind it.
    FileUnshown,
    /// No server is shown the fields of a form with files.
    FieldsUnshown,
    /// A form goes on when the first of its parts passes.
    FirstPartDecides,
    /// A form that can be read in two ways is shown as it is.
    AmbiguousFormShown,
    /// A form goes on as it came though a part of it was changed.
    ChangedPartIgnored,
    /// A submission keeps its connection though its ICAP response is in and only the rest of the client's body is missing.
    RestKeepsConnection,
    /// An upload that its client delays keeps its connection though others wait for one.
    UploadPinsPool,
    /// An upload whose connection was taken is sent anew before its body is in whole.
    ParkedTooShort,
    /// The end of a large changed body overwrites its start, which is in Envoy's buffer already.
    PlacedOverwritten,
    /// A piece of the original that belongs into the changed body is lost on its way to the end of the buffer.
    TurnedPieceLost,
    /// A server may fall behind a body that streams as far as it will.
    LagUnbounded,
    /// A message that streams goes on for good though its scan failed.
    StreamOpens,
    /// The filter sends while a context of the gate is the effective one: the bytes go nowhere.
    SentFromGate,
    /// What a gate has held is taken in once more when it comes.
    HeldTakenTwice,
    /// The end of a stream goes on though somebody keeps a copy of its beginning.
    CopyOverlooked,
    /// A message of a gRPC call goes on beside a copy of those before it.
    CallCopyOverlooked,
    /// A message of a gRPC call goes on though one before it waits for its verdict.
    MessagesOutOfOrder,
    /// What follows a blocked message of a gRPC call goes on.
    BehindBlockGoesOn,
    /// A message of a gRPC call is not shown.
    MessageUnshown,
    /// Trailers count as shown though the server answered before they were sent.
    UnsentTrailersCount,
    /// The server's trailers do not take the place of a message's own.
    NewTrailersIgnored,
}

impl Bug {
    /// All mistakes.
    pub const ALL: [Self; 63] = [
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
        Self::StrayBytesTaken,
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
        Self::SentFromGate,
        Self::HeldTakenTwice,
        Self::CopyOverlooked,
        Self::CallCopyOverlooked,
        Self::MessagesOutOfOrder,
        Self::BehindBlockGoesOn,
        Self::MessageUnshown,
        Self::UnsentTrailersCount,
        Self::NewTrailersIgnored,
    ];
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static MADE: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether that mistake is switched on in this thread.
#[cfg(not(feature = "seeded-bugs"))]
pub(crate) const fn bug(_: Bug) -> bool {
    false
}

/// Whether that mistake is switched on in this thread.
#[cfg(feature = "seeded-bugs")]
pub(crate) fn bug(which: Bug) -> bool {
    MADE.get() == Some(which)
}

/// Switches that mistake on in this thread, and any other off.
#[cfg(feature = "seeded-bugs")]
pub fn make(which: Option<Bug>) {
    MADE.set(which);
}

//! What an attempt came to. Data, not an error: a refused webhook is the receiver's word, and the schedule's business.
use std::net::SocketAddr;

use crate::attempt::{Answer, Word};
use crate::rule;
use crate::sent::Sent;
use crate::time::Timestamp;

macro_rules! send_errors {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $blame:ident;)*) => {
        /// Why a POST did not end in a 2xx. The names are a contract: the attempt log, the metrics and the API use them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SendError { $($(#[$doc])* $name,)* }

        impl SendError {
            /// Every one of them, in the order of the life of a request.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// `connect_refused` and the like.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whom it counts against.
            #[must_use]
            pub fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)* }
            }
        }
    };
}

/// Which level of health a failure counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Scheme, host and port: whatever else lives there fails too.
    Destination,
    /// This URL only: a neighbour on the same host may be well.
    Endpoint,
    /// Us. Uses no step.
    Own,
}

send_errors! {
    /// NXDOMAIN.
    DnsNotFound = "dns_not_found", Destination;
    /// The name's own servers fail.
    DnsServfail = "dns_servfail", Destination;
    /// No answer in time.
    DnsTimeout = "dns_timeout", Destination;
    /// The name exists and has no address.
    DnsNoAddress = "dns_no_address", Destination;
    /// A literal or an answer that is not public and not on the allow-list.
    AddressNotAllowed = "address_not_allowed", Destination;
    /// Nobody listens there.
    ConnectRefused = "connect_refused", Destination;
    /// No route.
    ConnectUnreachable = "connect_unreachable", Destination;
    /// No answer to the connection in time.
    ConnectTimeout = "connect_timeout", Destination;
    /// Reset before or during the handshakes.
    ConnectReset = "connect_reset", Destination;
    /// The certificate's time is over.
    TlsExpired = "tls_expired", Destination;
    /// The certificate's time has not come.
    TlsNotYetValid = "tls_not_yet_valid", Destination;
    /// Nobody we trust has signed it.
    TlsUnknownCa = "tls_unknown_ca", Destination;
    /// It is for other names.
    TlsNameMismatch = "tls_name_mismatch", Destination;
    /// No TLS version or cipher in common.
    TlsVersion = "tls_version", Destination;
    /// Something answers, and it is not TLS.
    TlsNotSpoken = "tls_not_spoken", Destination;
    /// The handshake did not end in time.
    TlsTimeout = "tls_timeout", Destination;
    /// The connection broke while we wrote: it may have been received.
    WriteReset = "write_reset", Endpoint;
    /// No complete head in time: it may have been received.
    ResponseTimeout = "response_timeout", Endpoint;
    /// Reset before a complete head: it may have been received.
    ResponseReset = "response_reset", Endpoint;
    /// Closed in the middle of the head.
    ResponseTruncated = "response_truncated", Endpoint;
    /// Not HTTP.
    ResponseMalformed = "response_malformed", Endpoint;
    /// A head over the cap.
    ResponseTooLarge = "response_too_large", Endpoint;
    /// A 3xx: redirects of webhooks are not followed.
    Redirect = "redirect", Endpoint;
    /// Any other status that is not 2xx.
    HttpStatus = "http_status", Endpoint;
    /// We died while it was under way: it may have been received.
    Interrupted = "interrupted", Own;
    /// No configured resolver answers any name.
    ResolverDown = "resolver_down", Own;
    /// The egress proxy failed.
    ProxyFailed = "proxy_failed", Own;
    /// We have no descriptor, memory or local port left for a connection.
    OutOfSockets = "out_of_sockets", Own;
    /// The request can't be signed, because its secret can't be read; or a bug of ours: it can't be written as HTTP.
    Unsendable = "unsendable", Own;
    /// We were asked to stop, and cut it: it may have been received.
    ShuttingDown = "shutting_down", Own;
}

impl SendError {
    /// The error of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.as_str() == text)
    }

    /// Whether there was no connection yet that a request could have gone out on: nobody has received anything.
    #[must_use]
    pub fn is_before_a_connection(self) -> bool {
        let is_own = matches!(self, Self::ResolverDown | Self::ProxyFailed | Self::OutOfSockets | Self::Unsendable);
        is_own || self.blame() == Blame::Destination
    }
}

/// When the receiver wants to be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// `Retry-After: 120`, in milliseconds.
    Ms(i64),
    /// `Retry-After: Wed, 21 Oct 2026 07:28:00 GMT`.
    At(Timestamp),
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx status line with its head complete.
    Delivered {
        /// 200 to 299.
        status: u16,
    },
    /// A complete head with another status.
    Refused {
        /// What it was.
        status: u16,
        /// What the receiver asked for.
        retry_after: Option<RetryAfter>,
    },
    /// No complete head; the error's [`Blame`] says whose fault it is.
    Failed(SendError),
    /// We died while it was under way. A stop that cuts it is [`SendError::ShuttingDown`]: that one is nobody's fault.
    Interrupted,
}

impl Outcome {
    /// The typed error of section 8 of the design, where it is not a delivery.
    #[must_use]
    pub fn error(self) -> Option<SendError> {
        match self {
            Self::Delivered { .. } => None,
            Self::Refused { status, .. } if (300..400).contains(&status) => Some(SendError::Redirect),
            Self::Refused { .. } => Some(SendError::HttpStatus),
            Self::Failed(error) => Some(error),
            Self::Interrupted => Some(SendError::Interrupted),
        }
    }

    /// The status, where a head came.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Delivered { status } | Self::Refused { status, .. } => Some(status),
            Self::Failed(_) | Self::Interrupted => None,
        }
    }

    /// The word in the attempt log.
    #[must_use]
    pub fn word(self) -> Word {
        match self {
            Self::Delivered { .. } => Word::Delivered,
            // A stop's too: it may have been received, which no other fault of ours may say.
            Self::Interrupted | Self::Failed(SendError::ShuttingDown) => Word::Interrupted,
            Self::Failed(error) if error.blame() == Blame::Own => Word::OwnFault,
            Self::Failed(_) if !rule::holds("only_our_own_faults_are_ours") => Word::OwnFault,
            Self::Refused { status: ..500, .. } if !rule::holds("only_2xx_delivers") => Word::Delivered,
            Self::Refused { .. } | Self::Failed(_) => Word::Failed,
        }
    }
}

/// How long the phases of an attempt took, in microseconds; `None` where it did not get there or reused a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Name resolution.
    pub dns_us: Option<u64>,
    /// TCP connection.
    pub connect_us: Option<u64>,
    /// TLS handshake.
    pub tls_us: Option<u64>,
    /// From the start of writing to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// The whole attempt.
    pub total_us: Option<u64>,
}

/// What a send came to, with what a person needs to understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendReport {
    /// The outcome that the schedule judges.
    pub outcome: Outcome,
    /// A sentence: what happened and what to do. Empty on a delivery.
    pub message: String,
    /// The address that was dialled.
    pub address: Option<SocketAddr>,
    /// Phase times.
    pub phases: Phases,
    /// `TLSv1.3`, where TLS was spoken.
    pub tls: Option<String>,
    /// What was signed, where it came to that.
    pub sent: Sent,
    /// What the receiver answered, where a head came.
    pub answer: Option<Answer>,
}

impl SendReport {
    /// A report with nothing but its outcome and sentence.
    #[must_use]
    pub fn bare(outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            outcome,
            message: message.into(),
            address: None,
            phases: Phases::default(),
            tls: None,
            sent: Sent::default(),
            answer: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_its_own_and_reads_back() {
        for error in SendError::ALL {
            assert_eq!(SendError::parse(error.as_str()), Some(*error));
        }
        assert_eq!(SendError::ALL.len(), 30);
    }

    #[test]
    fn what_may_have_been_received_is_not_before_a_connection() {
        let may_have: Vec<_> = SendError::ALL.iter().filter(|error| !error.is_before_a_connection()).copied().collect();
        use SendError::*;
        let wanted = [
            WriteReset,
            ResponseTimeout,
            ResponseReset,
            ResponseTruncated,
            ResponseMalformed,
            ResponseTooLarge,
            Redirect,
            HttpStatus,
            Interrupted,
            ShuttingDown,
        ];
        assert_eq!(may_have, wanted);
    }

    #[test]
    fn words_of_the_log() {
        let refused = |status| Outcome::Refused { status, retry_after: None };
        for (outcome, word, error) in [
            (Outcome::Delivered { status: 204 }, Word::Delivered, None),
            (refused(302), Word::Failed, Some(SendError::Redirect)),
            (refused(500), Word::Failed, Some(SendError::HttpStatus)),
            (Outcome::Failed(SendError::ConnectRefused), Word::Failed, Some(SendError::ConnectRefused)),
            (Outcome::Failed(SendError::ResolverDown), Word::OwnFault, Some(SendError::ResolverDown)),
            (Outcome::Interrupted, Word::Interrupted, Some(SendError::Interrupted)),
            (Outcome::Failed(SendError::ShuttingDown), Word::Interrupted, Some(SendError::ShuttingDown)),
        ] {
            assert_eq!((outcome.word(), outcome.error()), (word, error));
        }
    }
}

//! What an upstream's answer means for a generation that is handed on: wait, give up, or call the operator.
use crate::error_code::{self, ErrorCode, GENERATION_PIPELINE_FAILED};
use crate::generation::Failure;
use crate::outcome::RetryAfter;

/// What the upstream was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To make it.
    Submit,
    /// How it stands.
    Look,
}

/// Why an answer is not the one that was hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It passes: an outage, a limit. The generation's time runs on, and nothing counts against it.
    Passing {
        /// For the log.
        why: String,
        /// When the upstream wants to be asked again.
        retry_after: Option<RetryAfter>,
    },
    /// The generation itself is refused.
    Refused(Failure),
    /// The operator's to mend: the key, the account, the address, our disk. Nothing that the client did.
    Operators(Failure),
    /// The upstream knows no generation of that id.
    Unknown,
    /// Not an answer of this contract.
    Garbled(String),
}

impl Trouble {
    /// For the log.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Passing { why, .. } | Self::Garbled(why) => why,
            Self::Refused(failure) | Self::Operators(failure) => &failure.error,
            Self::Unknown => "it knows no such generation",
        }
    }
}

/// The upstream's code where it is one that we document too; clients switch on it. What nobody knows here is a failed step.
#[must_use]
pub fn code_of(text: Option<&str>) -> ErrorCode {
    text.and_then(ErrorCode::parse).unwrap_or(GENERATION_PIPELINE_FAILED)
}

/// What a status other than the hoped-for one means.
#[must_use]
pub fn of_status(
    asked: Asked,
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    retry_after: Option<RetryAfter>,
) -> Trouble {
    let said = message.map_or(String::new(), |message| format!(": {}", message.trim_end_matches('.')));
    match (status, asked) {
        (401..=403, _) => Trouble::Operators(operators(status, code, &said)),
        (300..=399, _) => {
            let why = format!(
                "The upstream redirects ({status}), and redirects are not followed; the operator of this server must set \
                 sync.base_url to the final address."
            );
            Trouble::Operators(Failure::new(GENERATION_PIPELINE_FAILED, &why))
        }
        (404, Asked::Look) => Trouble::Unknown,
        (404 | 405, Asked::Submit) if code.and_then(ErrorCode::parse).is_none_or(is_of_the_router) => {
            let why = format!(
                "The upstream takes no generations at this address ({status}); the operator of this server must correct \
                 sync.base_url."
            );
            Trouble::Operators(Failure::new(GENERATION_PIPELINE_FAILED, &why))
        }
        (status, _) if passes(status) => Trouble::Passing { why: format!("it answered {status}{said}"), retry_after },
        // Its first copy is still being taken in.
        (409, _) if retry_after.is_some() => Trouble::Passing { why: format!("it answered 409{said}"), retry_after },
        (400..=499, _) => {
            let why = format!("The upstream refused the generation ({status}){said}.");
            Trouble::Refused(Failure::new(code_of(code), &why))
        }
        _ => Trouble::Garbled(format!("it answered {status} without what was asked for")),
    }
}

/// Whether whoever answers so may answer otherwise later, without anybody's doing.
#[must_use]
pub fn passes(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..)
}

fn is_of_the_router(code: ErrorCode) -> bool {
    code == error_code::NOT_FOUND || code == error_code::METHOD_NOT_ALLOWED
}

fn operators(status: u16, code: Option<&str>, said: &str) -> Failure {
    let mend = match status {
        401 => "does not take this server's key (401){}; the operator of this server must correct sync.api_key.",
        402 => {
            "wants payment or another plan for this server's account (402){}; the operator of this server must see to it."
        }
        _ => "does not allow this to this server's account (403){}; the operator of this server must see to it.",
    };
    Failure::new(code_of(code), &format!("The upstream {}", mend.replace("{}", said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(trouble: &Trouble) -> &'static str {
        match trouble {
            Trouble::Passing { .. } => "passing",
            Trouble::Refused(_) => "refused",
            Trouble::Operators(_) => "operators",
            Trouble::Unknown => "unknown",
            Trouble::Garbled(_) => "garbled",
        }
    }

    #[test]
    fn each_status_has_its_meaning() {
        let wait = Some(RetryAfter::Ms(1_000));
        for (asked, status, code, retry_after, want) in [
            (Asked::Submit, 400, Some("generation_audio_missing"), None, "refused"),
            (Asked::Submit, 401, None, None, "operators"),
            (Asked::Submit, 402, Some("account_payment_required"), None, "operators"),
            (Asked::Look, 403, None, None, "operators"),
            (Asked::Submit, 404, None, None, "operators"),
            (Asked::Submit, 404, Some("not_found"), None, "operators"),
            (Asked::Submit, 404, Some("asset_not_found"), None, "refused"),
            (Asked::Look, 404, None, None, "unknown"),
            (Asked::Submit, 405, None, None, "operators"),
            (Asked::Submit, 409, None, wait, "passing"),
            (Asked::Submit, 409, Some("IDEMPOTENCY_KEY_REUSED"), None, "refused"),
            (Asked::Submit, 413, None, None, "refused"),
            (Asked::Submit, 422, Some("file_size_exceeds_plan_limit"), None, "refused"),
            (Asked::Submit, 429, Some("concurrency_limit_reached"), wait, "passing"),
            (Asked::Submit, 408, None, None, "passing"),
            (Asked::Look, 500, None, None, "passing"),
            (Asked::Submit, 503, None, wait, "passing"),
            (Asked::Look, 599, None, None, "passing"),
            (Asked::Look, 302, None, None, "operators"),
            (Asked::Submit, 200, None, None, "garbled"),
        ] {
            let trouble = of_status(asked, status, code, Some("It said so."), retry_after);
            assert_eq!(word(&trouble), want, "{asked:?} {status} {code:?}: {trouble:?}");
            if let Trouble::Refused(failure) | Trouble::Operators(failure) = &trouble {
                assert!(failure.error.ends_with('.') && failure.error.contains(&status.to_string()), "{failure:?}");
            }
        }
    }

    #[test]
    fn codes_that_we_know_are_kept_and_others_are_a_failed_step() {
        for (code, want) in [
            (Some("generation_audio_missing"), "generation_audio_missing"),
            (Some("generation_of_another_kind"), "generation_pipeline_failed"),
            (None, "generation_pipeline_failed"),
        ] {
            let Trouble::Refused(failure) = of_status(Asked::Submit, 400, code, None, None) else { panic!("{code:?}") };
            assert_eq!(failure.code.as_str(), want);
        }
    }

    #[test]
    fn the_operators_faults_name_what_to_mend() {
        for (status, setting) in [(401, "sync.api_key"), (301, "sync.base_url"), (402, "402"), (403, "403")] {
            let Trouble::Operators(failure) = of_status(Asked::Submit, status, None, Some("No."), None) else {
                panic!("{status}")
            };
            assert!(failure.error.contains(setting) && failure.error.contains("operator"), "{}", failure.error);
        }
    }
}

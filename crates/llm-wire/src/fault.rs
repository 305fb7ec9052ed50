//! What went wrong with a call, and whether another provider may be asked.

use std::fmt;
use std::time::Duration;

use crate::read::Usage;
use crate::unredacted::Unredacted;

/// A call without a usable answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// What may be done about it.
    pub class: Class,
    /// The status of the answer; `None` when none came.
    pub status: Option<u16>,
    /// The provider's code, if it is a plain word or a number.
    pub code: Option<String>,
    /// The provider's type of error, if it is a plain word.
    pub kind: Option<String>,
    /// The wait that was asked for.
    pub retry_after: Option<Duration>,
    /// What the provider said of it.
    pub message: Unredacted,
    /// What there is of an answer that cannot be used: a cut one, a refusal.
    pub text: Unredacted,
    /// What was used all the same. `None` on a 200 means unknown: book the worst case.
    pub usage: Option<Usage>,
    /// The model that answered, if it got that far.
    pub model: Option<String>,
    /// The provider's id of the call.
    pub request_id: Option<String>,
}

impl Fault {
    /// A fault that has nothing of an answer: what the transport says.
    pub fn without_answer(class: Class, message: &str) -> Self {
        Self {
            class,
            status: None,
            code: None,
            kind: None,
            retry_after: None,
            message: Unredacted::new(message, LONGEST_MESSAGE),
            text: Unredacted::default(),
            usage: None,
            model: None,
            request_id: None,
        }
    }
}

/// Bytes of a provider's message that are kept.
pub(crate) const LONGEST_MESSAGE: usize = 2000;

impl fmt::Display for Fault {
    /// Class, status and code: nothing that could quote a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.class.name())?;
        if let Class::NonTransient(why) = self.class {
            write!(f, " ({})", why.name())?;
        }
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        self.code.iter().try_for_each(|code| write!(f, ", code {code}"))
    }
}

/// Whether another provider may be asked: yes for all but the last.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// 429.
    TransientQuota {
        /// It is about money, not load: asking the same provider again is pointless.
        billing: bool,
    },
    /// 500 to 504.
    TransientServer,
    /// Not connected, reset, too late, or a body cut short.
    TransientNetwork,
    /// Everything else.
    NonTransient(Why),
}

impl Class {
    /// Its name in records: `transient_quota`, `transient_server`, `transient_network`,
    /// `non_transient`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TransientQuota { .. } => "transient_quota",
            Self::TransientServer => "transient_server",
            Self::TransientNetwork => "transient_network",
            Self::NonTransient(_) => "non_transient",
        }
    }

    /// Whether another provider may be asked.
    pub fn is_transient(self) -> bool {
        !matches!(self, Self::NonTransient(_))
    }
}

/// What makes a fault final.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Why {
    /// TLS could not trust the other side. Given by the transport, not by [`crate::read`].
    Certificate,
    /// 3xx. Never followed: the key would go with it.
    Redirect,
    /// 401.
    Unauthorized,
    /// 403: the key is valid and may not do this, or the country is not served.
    Forbidden,
    /// 402, or another status whose code is about money.
    Unpaid,
    /// The provider has no such model, or no longer.
    UnknownModel,
    /// 404 about something else: a wrong base address.
    NotFound,
    /// 400, 413, 422: the request itself.
    BadRequest,
    /// Any other status that is not 200.
    OtherStatus,
    /// More bytes than the caller reads.
    TooLarge,
    /// 200 that does not say `application/json`.
    ContentType,
    /// 200 whose body is not one JSON document: HTML, invalid UTF-8, keys given twice.
    NotJson,
    /// 200 with a JSON document of another shape.
    Shape,
    /// No answer in it.
    NoAnswer,
    /// More than one answer in it.
    ManyAnswers,
    /// The model wants a tool to be called.
    ToolCalls,
    /// The model refused.
    Refused,
    /// The provider's filter took the answer, or a part of it.
    Filtered,
    /// The answer was cut at the cap.
    Truncated,
    /// It ended for a reason that is not a proper end.
    Unfinished,
    /// 200 that says the call failed.
    Failed,
    /// An answer without a word.
    Empty,
    /// An answer without a believable usage: it cannot be billed.
    NoUsage,
}

impl Why {
    /// Its name in records, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Redirect => "redirect",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Unpaid => "unpaid",
            Self::UnknownModel => "unknown_model",
            Self::NotFound => "not_found",
            Self::BadRequest => "bad_request",
            Self::OtherStatus => "other_status",
            Self::TooLarge => "too_large",
            Self::ContentType => "content_type",
            Self::NotJson => "not_json",
            Self::Shape => "shape",
            Self::NoAnswer => "no_answer",
            Self::ManyAnswers => "many_answers",
            Self::ToolCalls => "tool_calls",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
            Self::Truncated => "truncated",
            Self::Unfinished => "unfinished",
            Self::Failed => "failed",
            Self::Empty => "empty",
            Self::NoUsage => "no_usage",
        }
    }

    /// What an operator can do about it, where that is not plain from the name.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownModel => "the model may be retired: look at `llm models`",
            Self::Unauthorized => "check the key, and that it belongs to this address",
            Self::Forbidden => "the key is valid but may not do this",
            Self::Unpaid => "the account has no money or passed its limit",
            Self::NotFound => "check apiBase",
            Self::Redirect => "the base address answers with a redirect: set the final one",
            Self::Truncated => "the answer did not fit into maxOutputTokens",
            _ => return None,
        })
    }
}

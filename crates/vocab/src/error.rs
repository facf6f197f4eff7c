//! The error value that clients see: status, code, path, message, and detail for those who may see it.
//!
//! Source of the shape and of each code: the published error reference of the engine we replace.
//! How an endpoint renders it (envelope, status) is the server's affair.

use std::fmt;

use crate::{ErrorPath, GraphqlName, Json};

/// A result with the error that clients see.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A stable, machine-readable reason; the text is part of the API.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* #[doc = concat!("`", $text, "`")] $variant,)*
            /// A code chosen by a user's webhook.
            Custom(String),
        }

        impl ErrorCode {
            /// The text clients match on.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Custom(text) => text,
                }
            }
        }
    };
}

codes! {
    AccessDenied = "access-denied",
    AlreadyExists = "already-exists",
    AlreadyTracked = "already-tracked",
    AlreadyUntracked = "already-untracked",
    BadRequest = "bad-request",
    Busy = "busy",
    ConcurrentUpdate = "concurrent-update",
    Conflict = "conflict",
    ConstraintError = "constraint-error",
    ConstraintViolation = "constraint-violation",
    CyclicDependency = "cyclic-dependency",
    DataConnectorError = "data-connector-error",
    DataException = "data-exception",
    /// A mutation affects another number of rows than its `expect` says.
    ExpectationFailed = "expectation-failed",
    DependencyError = "dependency-error",
    InvalidConfiguration = "invalid-configuration",
    InvalidHeaders = "invalid-headers",
    InvalidJson = "invalid-json",
    InvalidJwt = "invalid-jwt",
    InvalidParams = "invalid-params",
    JwtInvalidClaims = "jwt-invalid-claims",
    JwtMissingRoleClaims = "jwt-missing-role-claims",
    MetadataWarnings = "metadata-warnings",
    MethodNotAllowed = "method-not-allowed",
    NotExists = "not-exists",
    NotFound = "not-found",
    NotSupported = "not-supported",
    ParseFailed = "parse-failed",
    PermissionDenied = "permission-denied",
    PermissionError = "permission-error",
    PostgresError = "postgres-error",
    PostgresMaxConnectionsError = "postgres-max-connections-error",
    StartFailed = "start-failed",
    TemplateResolutionFailed = "template-resolution-failed",
    Timeout = "timeout",
    Unexpected = "unexpected",
    UnexpectedPayload = "unexpected-payload",
    ValidationFailed = "validation-failed",
}

/// Detail beyond code and message.
#[derive(Clone, Debug, PartialEq)]
pub enum Internal {
    /// Shown under `internal`, to admins or in dev mode only.
    Guarded(Json),
    /// Replaces the whole GraphQL `extensions` (an action's own).
    Extensions(Json),
    /// What was looked for and is not there: shown to nobody. Whoever knows more may make detail of it.
    Absent(Absent),
}

/// A name that is not in a role's schema, and where it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// A field of an object or interface.
    Field {
        /// The type.
        ty: GraphqlName,
        /// The field.
        name: GraphqlName,
    },
    /// An argument of a field that is there.
    Argument {
        /// The type the field is of.
        ty: GraphqlName,
        /// The field.
        field: GraphqlName,
        /// The argument.
        name: GraphqlName,
    },
    /// A field of an input object.
    InputField {
        /// The type.
        ty: GraphqlName,
        /// The field.
        name: String,
    },
    /// Mutations as such.
    Mutations,
    /// Subscriptions as such.
    Subscriptions,
}

/// An error as clients see it. Cheap to build, boxed inside so that results stay small.
#[derive(Clone, PartialEq)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug, PartialEq)]
struct Parts {
    code: ErrorCode,
    status: u16,
    path: ErrorPath,
    message: String,
    internal: Option<Internal>,
}

impl Error {
    /// An error with status 400 at `$`; 500 for `unexpected`, 409 for `conflict`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let status = match code {
            ErrorCode::Unexpected | ErrorCode::PostgresError => 500,
            ErrorCode::PostgresMaxConnectionsError => 500,
            ErrorCode::Conflict => 409,
            ErrorCode::MethodNotAllowed => 405,
            _ => 400,
        };
        let message = message.into();
        let path = ErrorPath::root();
        Self(Box::new(Parts {
            code,
            status,
            path,
            message,
            internal: None,
        }))
    }

    /// `validation-failed`, 400.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationFailed, message)
    }

    /// `parse-failed`, 400.
    pub fn parse_failed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ParseFailed, message)
    }

    /// `unexpected`, 500.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unexpected, message)
    }

    /// The same error with another HTTP status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// The same error at a path.
    pub fn at(mut self, path: ErrorPath) -> Self {
        self.0.path = path;
        self
    }

    /// The same error with `outer` in front of its path.
    pub fn below(mut self, outer: &ErrorPath) -> Self {
        self.0.path = self.0.path.below(outer);
        self
    }

    /// The same error with detail for those who may see it.
    pub fn with_internal(mut self, internal: Json) -> Self {
        self.0.internal = Some(Internal::Guarded(internal));
        self
    }

    /// The same error with what was looked for in vain, in place of other detail.
    pub fn for_want_of(mut self, absent: Absent) -> Self {
        self.0.internal = Some(Internal::Absent(absent));
        self
    }

    /// The machine-readable reason.
    pub fn code(&self) -> &ErrorCode {
        &self.0.code
    }

    /// The HTTP status, where the endpoint uses it.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Where in the request.
    pub fn path(&self) -> &ErrorPath {
        &self.0.path
    }

    /// What a person reads.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Detail beyond code and message.
    pub fn internal(&self) -> Option<&Internal> {
        self.0.internal.as_ref()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({} at {})",
            self.0.message,
            self.0.code.as_str(),
            self.0.path
        )
    }
}

impl std::error::Error for Error {}

//! What clients see of an error: the one table from SQLSTATE to codes and messages.
//!
//! Source: the error reference of the engine we replace, "Postgres SQLSTATE → message prefix", and its
//! rule that a code outside the table is an internal error whose detail is for admins only.

use graphloom_vocab::{Error, ErrorCode, Json};
use serde_json::json;

use crate::error::{
    ConnectReason, DatabaseError, PgError, PgErrorKind, StatementContext, ends_session,
};
use crate::options::OptionsError;
use crate::sqlstate::SqlState;

/// What the failed statement was for; it decides which failures are the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A query or mutation of a client's: violated constraints and bad values are the client's.
    Operation,
    /// The end of a client's transaction: whatever is wrong then is told to admins only, as v2 has it.
    Commit,
    /// A statement of ours (metadata, introspection): only concurrent updates are reported as such.
    Internal,
    /// SQL of an admin's (`run_sql`): every refusal is the admin's.
    RunSql,
}

impl PgError {
    /// The error as clients see it, with the detail for those who may see it.
    pub fn to_error(&self, purpose: Purpose) -> Error {
        match self.kind() {
            PgErrorKind::Database(error) if !ends_session(error) => {
                self.of_database(error, purpose)
            }
            PgErrorKind::Options(error) => of_options(error),
            PgErrorKind::Connect(failure) => {
                let error = match failure.reason {
                    ConnectReason::TooManyConnections => Error::new(
                        ErrorCode::PostgresMaxConnectionsError,
                        "max connections reached on postgres",
                    ),
                    _ => Error::new(ErrorCode::PostgresError, "connection error"),
                };
                error.with_internal(Json::String(failure.to_string()))
            }
            // A session that the server ends was lost, whatever it was doing.
            PgErrorKind::Database(_)
            | PgErrorKind::PoolTimeout { .. }
            | PgErrorKind::PoolClosed
            | PgErrorKind::Closed(_)
            | PgErrorKind::Abandoned => Error::new(ErrorCode::PostgresError, "connection error")
                .with_internal(Json::String(self.to_string())),
            PgErrorKind::Unexpected(message) => Error::unexpected("database query error")
                .with_internal(self.internal(Json::String(message.clone()))),
        }
    }

    fn of_database(&self, error: &DatabaseError, purpose: Purpose) -> Error {
        let internal = || self.internal(error_json(error));
        if purpose == Purpose::RunSql {
            return Error::new(ErrorCode::PostgresError, "query execution failed")
                .with_status(400)
                .with_internal(internal());
        }
        let expected = match purpose {
            Purpose::Internal | Purpose::Commit => concurrent_update(error),
            Purpose::Operation | Purpose::RunSql => {
                of_client(error).or_else(|| concurrent_update(error))
            }
        };
        match expected {
            Some((code, message)) => Error::new(code, message).with_status(400),
            None if purpose == Purpose::Commit => {
                Error::new(ErrorCode::PostgresError, "postgres tx error").with_internal(internal())
            }
            None => Error::unexpected("database query error").with_internal(internal()),
        }
    }

    /// `{"statement","prepared","error","arguments"}`
    fn internal(&self, error: Json) -> Json {
        let Some(StatementContext {
            text,
            arguments,
            prepared,
        }) = self.statement()
        else {
            return error;
        };
        let arguments: Vec<Json> = arguments
            .iter()
            .map(|value| Json::String(argument(value.as_deref())))
            .collect();
        json!({
            "statement": &**text,
            "prepared": prepared,
            "error": error,
            "arguments": arguments,
        })
    }
}

fn error_json(error: &DatabaseError) -> Json {
    json!({
        "exec_status": "FatalError",
        "hint": error.hint,
        "message": error.message,
        "status_code": error.sqlstate.as_str(),
        "description": error.detail,
    })
}

/// `(Oid 25,Just ("a\"b",Text))`: the reference shows arguments as its own language prints them.
fn argument(value: Option<&str>) -> String {
    let Some(value) = value else {
        return "(Oid 25,Nothing)".to_owned();
    };
    let mut text = String::with_capacity(value.len() + 24);
    text.push_str("(Oid 25,Just (\"");
    let mut after_number = false;
    for byte in value.bytes() {
        let is_number = !(32..127).contains(&byte) && !matches!(byte, 7..=13);
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            9 => text.push_str("\\t"),
            10 => text.push_str("\\n"),
            11 => text.push_str("\\v"),
            12 => text.push_str("\\f"),
            13 => text.push_str("\\r"),
            byte if is_number => {
                text.push('\\');
                text.push_str(&byte.to_string());
            }
            // A digit after a numeric escape would be read as a part of it.
            byte if after_number && byte.is_ascii_digit() => {
                text.push_str("\\&");
                text.push(char::from(byte));
            }
            byte => text.push(char::from(byte)),
        }
        after_number = is_number;
    }
    text.push_str("\",Text))");
    text
}

fn of_options(error: &OptionsError) -> Error {
    let message = match error {
        OptionsError::RootCertificate(_) => "root certificate error",
        OptionsError::Certificate(_) => "certificate error",
        OptionsError::PrivateKey(_) => "private-key error",
        _ => "connection error",
    };
    Error::new(ErrorCode::PostgresError, message).with_internal(Json::String(error.to_string()))
}

/// Failures of an operation that are the client's, and how they are put.
fn of_client(error: &DatabaseError) -> Option<(ErrorCode, String)> {
    let message = &error.message;
    let violation = |prefix: &str| (ErrorCode::ConstraintViolation, format!("{prefix}{message}"));
    Some(match (error.sqlstate, error.sqlstate.class()) {
        (SqlState::RESTRICT_VIOLATION, _) => {
            violation("Can not delete or update due to data being referred. ")
        }
        (SqlState::NOT_NULL_VIOLATION, _) => violation("Not-NULL violation. "),
        (SqlState::FOREIGN_KEY_VIOLATION, _) => violation("Foreign key violation. "),
        (SqlState::UNIQUE_VIOLATION, _) => violation("Uniqueness violation. "),
        (SqlState::EXCLUSION_VIOLATION, _) => violation("Exclusion violation. "),
        (SqlState::CHECK_VIOLATION, _) => (
            ErrorCode::PermissionError,
            format!("Check constraint violation. {message}"),
        ),
        (_, "23") => violation(""),
        (SqlState::INVALID_ESCAPE_SEQUENCE, _) => (ErrorCode::BadRequest, message.clone()),
        (_, "22") => (ErrorCode::DataException, message.clone()),
        (SqlState::UNDEFINED_OBJECT, _) => (ErrorCode::ConstraintError, message.clone()),
        (SqlState::INVALID_COLUMN_REFERENCE, _) => (
            ErrorCode::ConstraintError,
            "there is no unique or exclusion constraint on target column(s)".to_owned(),
        ),
        _ => return None,
    })
}

fn concurrent_update(error: &DatabaseError) -> Option<(ErrorCode, String)> {
    let message = match (error.sqlstate, error.sqlstate.class()) {
        (SqlState::SERIALIZATION_FAILURE, _) => {
            "serialization failure due to concurrent update".to_owned()
        }
        (_, "40") => error.message.clone(),
        _ => return None,
    };
    Some((ErrorCode::ConcurrentUpdate, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_look_as_in_the_reference() {
        assert_eq!(argument(None), "(Oid 25,Nothing)");
        assert_eq!(
            argument(Some("a\"b\\\n")),
            r#"(Oid 25,Just ("a\"b\\\n",Text))"#
        );
        assert_eq!(
            argument(Some("ä1")),
            r#"(Oid 25,Just ("\195\164\&1",Text))"#
        );
    }
}

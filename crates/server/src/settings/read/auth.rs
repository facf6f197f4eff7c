//! The options of authentication and of calls to other servers.
//!
//! Which of them exclude each other is v2's rule, and so is the wording. Nothing of a secret is ever a
//! part of an error. Pure.

use graphloom_auth::{
    AdminSecret, AuthConfig, HookMethod, JwtConfig, RequestContext, WebhookConfig,
};
use graphloom_outbound::{Client, ClientOptions, Egress, Proxies, Request};
use graphloom_vocab::{Json, RoleName};

use crate::options::{OptionError, Source, Values};

const REQUIRES_SECRET: &str = "requires --admin-secret (HASURA_GRAPHQL_ADMIN_SECRET) or  \
    --access-key (HASURA_GRAPHQL_ACCESS_KEY) to be set";

/// How requests are authenticated. Errors: options that are wrong or do not fit each other.
pub(super) fn config(values: &Values) -> Result<AuthConfig, OptionError> {
    let secrets = admin_secrets(values)?;
    let unauthorized_role = values.text("unauthorized-role").map(RoleName::new);
    let (jwts, hook) = (jwts(values)?, webhook(values)?);
    let conflict = |text: String| Err(OptionError::Conflict(text));
    match (secrets.is_empty(), jwts.is_empty(), hook) {
        (false, true, None) => Ok(AuthConfig::AdminSecret {
            secrets,
            unauthorized_role,
        }),
        (false, false, None) => Ok(AuthConfig::Jwt {
            secrets,
            jwts,
            unauthorized_role,
        }),
        _ if unauthorized_role.is_some() => conflict(format!(
            "--unauthorized-role (HASURA_GRAPHQL_UNAUTHORIZED_ROLE) {REQUIRES_SECRET} and is not \
             allowed when --auth-hook (HASURA_GRAPHQL_AUTH_HOOK) is set"
        )),
        (_, false, Some(_)) => {
            conflict("Both webhook and JWT mode cannot be enabled at the same time".to_owned())
        }
        (false, true, Some(hook)) => Ok(AuthConfig::Webhook { secrets, hook }),
        (true, true, Some(_)) => conflict(format!(
            "--auth-hook (HASURA_GRAPHQL_AUTH_HOOK) {REQUIRES_SECRET}"
        )),
        (true, false, None) => conflict(format!(
            "--jwt-secret (HASURA_GRAPHQL_JWT_SECRET) {REQUIRES_SECRET}"
        )),
        (true, true, None) => Ok(AuthConfig::Open),
    }
}

/// The client of every call to another server. Error: a proxy that is none.
pub(super) fn outbound(values: &Values) -> Result<Client, OptionError> {
    let text = |flag: &str| values.text(flag).map(str::to_owned);
    let options = ClientOptions {
        egress: match values.required("outbound-egress").trim() {
            word if word.eq_ignore_ascii_case("public") => Egress::Public,
            _ => Egress::Anywhere,
        },
        proxies: Proxies {
            http: text("http-proxy"),
            https: text("https-proxy"),
            bypass: text("no-proxy"),
        },
    };
    Client::new(options).map_err(|error| OptionError::Conflict(error.to_string()))
}

fn admin_secrets(values: &Values) -> Result<Vec<AdminSecret>, OptionError> {
    if let Some(text) = values.text("admin-secrets") {
        let wrong = || {
            values.invalid(
                "admin-secrets",
                "expecting a JSON array of texts, none empty",
            )
        };
        let secrets: Vec<String> = serde_json::from_str(text).map_err(|_| wrong())?;
        // An empty list would leave the server open to everyone.
        if secrets.is_empty() || secrets.iter().any(String::is_empty) {
            return Err(wrong());
        }
        return Ok(secrets
            .iter()
            .map(|secret| AdminSecret::new(secret))
            .collect());
    }
    let names = ["admin-secret", "access-key"];
    let is_flag = |name: &&str| matches!(values.source(name), Source::Flag(_));
    let name = names.iter().find(|name| is_flag(name));
    let name = name.or_else(|| names.iter().find(|name| values.is_given(name)));
    let secret = name.and_then(|name| values.text(name));
    Ok(secret.map(AdminSecret::new).into_iter().collect())
}

fn jwts(values: &Values) -> Result<Vec<JwtConfig>, OptionError> {
    let flag = match values.text("jwt-secrets") {
        Some(_) => "jwt-secrets",
        None => "jwt-secret",
    };
    let Some(text) = values.text(flag) else {
        return Ok(Vec::new());
    };
    // The parser's own message would repeat a part of the text, and with it of the key.
    let json: Json = serde_json::from_str(text).map_err(|error| {
        values.invalid(flag, format!("not valid JSON at column {}", error.column()))
    })?;
    let configs = match (flag, json) {
        ("jwt-secrets", Json::Array(configs)) if !configs.is_empty() => configs,
        ("jwt-secrets", _) => {
            return Err(values.invalid(flag, "expecting a JSON array of JWT secrets, not empty"));
        }
        (_, config) => vec![config],
    };
    let parsed = configs
        .iter()
        .map(JwtConfig::parse)
        .collect::<Result<_, _>>();
    parsed.map_err(|error| values.invalid(flag, error.to_string()))
}

fn webhook(values: &Values) -> Result<Option<WebhookConfig>, OptionError> {
    let Some(url) = values.text("auth-hook") else {
        return Ok(None);
    };
    Request::get(url).map_err(|error| values.invalid("auth-hook", error.to_string()))?;
    let method = match values.required("auth-hook-mode").trim() {
        word if word.eq_ignore_ascii_case("post") => {
            HookMethod::Post(match values.boolean("auth-hook-send-request-body") {
                true => RequestContext::Sent,
                false => RequestContext::Omitted,
            })
        }
        _ => HookMethod::Get,
    };
    Ok(Some(WebhookConfig {
        url: url.to_owned(),
        method,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::collections::HashMap;

    use super::*;
    use crate::options::{CommandLine, SERVE};

    fn with(flags: &[&str]) -> Result<AuthConfig, OptionError> {
        let line = CommandLine::parse(flags.iter().map(|&flag| flag.to_owned()), &[SERVE])?;
        config(&Values::resolve(&line, &HashMap::new(), &[SERVE])?)
    }

    const JWT: &str =
        r#"--jwt-secret={"type":"HS256","key":"a key that is long enough for this one"}"#;

    #[test]
    fn modes_need_a_secret_and_exclude_each_other() {
        assert!(matches!(with(&[]), Ok(AuthConfig::Open)));
        assert!(with(&["--access-key=k"]).unwrap().is_admin_secret_set());
        let jwt = with(&["--admin-secret=k", JWT, "--unauthorized-role=anonymous"]).unwrap();
        assert_eq!(jwt.jwts().len(), 1);
        let hook = with(&["--admin-secret=k", "--auth-hook=http://h/"]).unwrap();
        assert!(hook.is_webhook_set());
        for (flags, expected) in [
            (&["--unauthorized-role=a"][..], "--unauthorized-role"),
            (
                &[
                    "--admin-secret=k",
                    "--auth-hook=http://h/",
                    "--unauthorized-role=a",
                ],
                "--unauthorized-role",
            ),
            (&["--auth-hook=http://h/"], "--auth-hook"),
            (&[JWT], "--jwt-secret"),
            (
                &["--admin-secret=k", JWT, "--auth-hook=http://h/"],
                "Both webhook and JWT",
            ),
            (&["--admin-secret=k", "--auth-hook=ftp://h/"], "--auth-hook"),
        ] {
            let error = with(flags).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn several_secrets_take_precedence() {
        for bad in ["[]", "[\"\"]", "x", "{}"] {
            assert!(with(&[&format!("--admin-secrets={bad}")]).is_err(), "{bad}");
        }
        let several = with(&["--admin-secrets=[\"a\",\"b\"]", "--admin-secret=c"]).unwrap();
        assert!(matches!(several, AuthConfig::AdminSecret { secrets, .. } if secrets.len() == 2));
        let list = r#"--jwt-secrets=[{"jwk_url":"http://a"},{"jwk_url":"http://b"}]"#;
        let both = with(&["--admin-secret=k", JWT, list]).unwrap();
        assert_eq!(both.jwts().len(), 2);
        for bad in ["[]", "{}", "[1]"] {
            let list = format!("--jwt-secrets={bad}");
            assert!(with(&["--admin-secret=k", &list]).is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_do_not_repeat_the_key() {
        for bad in [
            r#"{"type":"HS256","key":"hush"}"#,
            r#"{"key":"hush" x"#,
            "hush",
        ] {
            let error = with(&["--admin-secret=k", &format!("--jwt-secret={bad}")]).unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}

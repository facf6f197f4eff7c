//! Every key of the configuration: what it lets in, what it refuses, and what it must look like itself.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::tokens::{SECRET, Signer, claims, now};
use crate::{Auth, USER, jwt_config, refused};

fn config(more: Json) -> Json {
    let mut config = json!({ "type": "HS256", "key": SECRET });
    let Json::Object(more) = more else {
        unreachable!()
    };
    config.as_object_mut().unwrap().extend(more);
    config
}

/// What a token with these claims gives under this configuration.
async fn try_claims(more: Json, claims: &Json) -> String {
    let auth = Auth::jwts(&[config(more)]).await;
    auth.bear(&Signer::hmac().token("HS256", claims)).await
}

fn invalid(message: &str) -> String {
    format!("400 invalid-jwt: Could not verify JWT: {message}")
}

fn bad_claims(message: &str) -> String {
    format!("400 jwt-invalid-claims: {message}")
}

#[tokio::test]
async fn the_role_is_the_asked_one_if_it_is_allowed() {
    let auth = Auth::jwts(&[config(json!({}))]).await;
    let token = format!(
        "Bearer {}",
        Signer::hmac().token("HS256", &claims(json!({})))
    );
    let asking = |role: &'static str| {
        let headers = [("authorization", token.as_str()), ("x-hasura-role", role)];
        let auth = &auth;
        async move { auth.say(&headers).await }
    };
    assert_eq!(asking("").await, USER);
    assert_eq!(
        asking("editor").await,
        r#"{"x-hasura-role":"editor","x-hasura-user-id":"1"}"#
    );
    let denied = "400 access-denied: Your requested role is not in allowed roles";
    assert_eq!(asking("admin").await, denied);
    assert_eq!(asking("User").await, denied);
    // A default that is not allowed is refused as well.
    let other = json!({ "https://hasura.io/jwt/claims": {
        "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": "admin" } });
    assert_eq!(try_claims(json!({}), &other).await, denied);
    // What the client sends as variables counts for nothing beside a token.
    let headers = [
        ("authorization", token.as_str()),
        ("x-hasura-user-id", "2"),
        ("x-hasura-org", "3"),
    ];
    assert_eq!(auth.say(&headers).await, USER);
}

#[tokio::test]
async fn an_admin_token_is_one_whose_issuer_says_so() {
    let admin = json!({ "https://hasura.io/jwt/claims": {
        "x-hasura-allowed-roles": ["admin"], "x-hasura-default-role": "admin",
        "x-hasura-use-backend-only-permissions": "true" } });
    let auth = Auth::jwts(&[config(json!({}))]).await;
    let token = format!("Bearer {}", Signer::hmac().token("HS256", &admin));
    let headers = [
        ("authorization", token.as_str()),
        ("x-hasura-use-backend-only-permissions", "true"),
    ];
    let session = auth.ask(&headers, None).await.unwrap().session;
    assert!(session.role.is_admin());
    assert_eq!(session.backend_only, graphloom_vocab::BackendOnly::Hidden);
}

#[tokio::test]
async fn the_admin_secret_comes_first() {
    let auth = Auth::jwts(&[config(json!({}))]).await;
    let token = Signer::hmac().token("HS256", &claims(json!({})));
    let bearer = format!("Bearer {token}");
    let both = [
        ("x-hasura-admin-secret", "admin"),
        ("authorization", &bearer),
    ];
    assert_eq!(auth.say(&both).await, r#"{"x-hasura-role":"admin"}"#);
    let wrong = [("x-hasura-admin-secret", "no"), ("authorization", &bearer)];
    let expected = r#"401 access-denied: invalid "x-hasura-admin-secret"/"x-hasura-access-key""#;
    assert_eq!(auth.say(&wrong).await, expected);
}

#[tokio::test]
async fn without_a_token_there_is_the_unauthorized_role_or_nothing() {
    let auth = Auth::jwts(&[config(json!({}))]).await;
    assert_eq!(
        auth.say(&[("x-hasura-role", "user")]).await,
        "400 invalid-headers: Missing 'Authorization' or 'Cookie' header in JWT authentication mode"
    );
    let config = jwt_config(&[config(json!({}))], Some("anonymous"));
    let auth = Auth::start(config, Duration::from_mins(1)).await.unwrap();
    let headers = [("x-hasura-role", "admin"), ("x-hasura-user-id", "4")];
    assert_eq!(
        auth.say(&headers).await,
        r#"{"x-hasura-role":"anonymous","x-hasura-user-id":"4"}"#
    );
    // A token that is there has to be good.
    assert_eq!(
        auth.bear("x").await,
        invalid("JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)")
    );
    for malformed in [
        "",
        "Bearer",
        "bearer a.b.c",
        "Basic a",
        "Bearer a.b.c d",
        "a.b.c",
    ] {
        assert_eq!(
            auth.say(&[("authorization", malformed)]).await,
            "400 invalid-headers: Malformed Authorization header"
        );
    }
}

#[tokio::test]
async fn namespaces() {
    let hasura = json!({ "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": "user", "x-hasura-user-id": "1", "other": 5 });
    let at_key = json!({ "mine": hasura });
    assert_eq!(
        try_claims(json!({ "claims_namespace": "mine" }), &at_key).await,
        USER
    );
    assert_eq!(
        try_claims(json!({ "claims_namespace": "mine" }), &claims(json!({}))).await,
        bad_claims("claims key: 'mine' not found")
    );
    let nested = json!({ "a": { "b c": hasura } });
    assert_eq!(
        try_claims(json!({ "claims_namespace_path": "$.a['b c']" }), &nested).await,
        USER
    );
    assert_eq!(
        try_claims(json!({ "claims_namespace_path": "$" }), &hasura).await,
        USER
    );
    assert_eq!(
        try_claims(json!({ "claims_namespace_path": "$.a.b" }), &nested).await,
        bad_claims("claims not found at claims_namespace_path: '$.a.b'")
    );
    assert_eq!(
        try_claims(json!({}), &json!({ "https://hasura.io/jwt/claims": "{}" })).await,
        bad_claims("expecting a json object when claims_format is json")
    );
    let both = config(json!({ "claims_namespace": "a", "claims_namespace_path": "$.b" }));
    assert_eq!(
        refused(&both),
        "claims_namespace and claims_namespace_path both cannot be set"
    );
    assert!(
        refused(&config(json!({ "claims_namespace_path": "$." })))
            .starts_with("invalid JSON path claims_namespace_path error: $.. Accept")
    );
}

#[tokio::test]
async fn stringified_claims() {
    let text = claims(json!({}))["https://hasura.io/jwt/claims"].to_string();
    let option = json!({ "claims_format": "stringified_json" });
    let token = json!({ "https://hasura.io/jwt/claims": text });
    assert_eq!(try_claims(option.clone(), &token).await, USER);
    assert_eq!(
        try_claims(option.clone(), &claims(json!({}))).await,
        bad_claims("expecting a string when claims_format is stringified_json")
    );
    let token = json!({ "https://hasura.io/jwt/claims": "{" });
    assert_eq!(
        try_claims(option, &token).await,
        bad_claims(
            "expecting stringified json at: 'claims_namespace https://hasura.io/jwt/claims', but found: {"
        )
    );
    assert!(refused(&config(json!({ "claims_format": "yaml" }))).starts_with("claims_format is"));
}

#[tokio::test]
async fn role_claims_have_to_be_there_and_of_their_type() {
    let with = |hasura: Json| async move {
        try_claims(
            json!({}),
            &json!({ "https://hasura.io/jwt/claims": hasura }),
        )
        .await
    };
    assert_eq!(
        with(json!({ "x-hasura-default-role": "user" })).await,
        "400 jwt-missing-role-claims: JWT claim does not contain x-hasura-allowed-roles"
    );
    assert_eq!(
        with(json!({ "x-hasura-allowed-roles": ["user"] })).await,
        "400 jwt-missing-role-claims: JWT claim does not contain x-hasura-default-role"
    );
    assert_eq!(
        with(json!({ "x-hasura-allowed-roles": "user", "x-hasura-default-role": "user" })).await,
        bad_claims(
            "invalid x-hasura-allowed-roles; should be a list of roles: parsing [] failed, expected Array, but encountered String"
        )
    );
    assert_eq!(
        with(json!({ "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": ["user"] }))
            .await,
        bad_claims(
            "invalid x-hasura-default-role; should be a single role name: parsing Text failed, expected String, but encountered Array"
        )
    );
    assert_eq!(
        with(json!({ "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": "user", "x-hasura-user-id": 1 })).await,
        bad_claims("x-hasura-* claims: parsing Text failed, expected String, but encountered Number")
    );
}

#[tokio::test]
async fn claims_maps() {
    let option = |default: bool| {
        let path = |path: &str, fallback: Json| match default {
            true => json!({ "path": path, "default": fallback }),
            false => json!({ "path": path }),
        };
        json!({ "claims_namespace": "ignored", "claims_map": {
            "x-hasura-allowed-roles": path("$.hasura.roles", json!(["user"])),
            "x-hasura-default-role": path("$.hasura.roles[0]", json!("user")),
            "x-hasura-user-id": path("$.[\"my.id\"]", json!("1")),
            "x-hasura-app": "literal",
        } })
    };
    let user = r#"{"x-hasura-app":"literal","x-hasura-role":"user","x-hasura-user-id":"1"}"#;
    let token = json!({ "hasura": { "roles": ["user", "editor"] }, "my.id": "1" });
    assert_eq!(try_claims(option(false), &token).await, user);
    assert_eq!(try_claims(option(true), &json!({})).await, user);
    // A claim that was not made for us may be a number.
    let number = json!({ "hasura": { "roles": ["user"] }, "my.id": 1 });
    assert_eq!(try_claims(option(false), &number).await, user);
    let list = json!({ "hasura": { "roles": ["user"] }, "my.id": [1] });
    assert!(
        try_claims(option(true), &list)
            .await
            .starts_with("400 jwt-invalid-claims: x-hasura-* claims")
    );
    for (token, expected) in [
        (
            json!({ "my.id": "1" }),
            "400 jwt-missing-role-claims: JWT claim does not contain x-hasura-allowed-roles",
        ),
        (
            json!({ "hasura": { "roles": [] } }),
            "400 jwt-missing-role-claims: JWT claim does not contain x-hasura-default-role",
        ),
        (
            json!({ "hasura": { "roles": ["user"] } }),
            "400 jwt-invalid-claims: JWT claim from claims_map, x-hasura-user-id not found",
        ),
        (
            json!({ "hasura": { "roles": "user" } }),
            "400 jwt-invalid-claims: invalid x-hasura-allowed-roles; should be a list of roles: parsing [] failed, expected Array, but encountered String",
        ),
        (
            json!({ "hasura": { "roles": [4] } }),
            "400 jwt-invalid-claims: invalid x-hasura-allowed-roles; should be a list of roles: parsing Text failed, expected String, but encountered Number",
        ),
    ] {
        assert_eq!(try_claims(option(false), &token).await, expected);
    }
    let literals = json!({ "claims_map": {
        "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": "user", "x-hasura-user-id": { "path": "$.sub" } } });
    assert_eq!(try_claims(literals, &json!({ "sub": "1" })).await, USER);
    for (map, expected) in [
        (
            json!({ "x-hasura-default-role": "user" }),
            "x-hasura-allowed-roles is expected but not found",
        ),
        (
            json!({ "x-hasura-allowed-roles": ["user"] }),
            "x-hasura-default-role is expected but not found",
        ),
        (
            json!({ "x-hasura-allowed-roles": "user", "x-hasura-default-role": "user" }),
            "parsing x-hasura-allowed-roles failed, expected Array, but encountered String",
        ),
        (
            json!({ "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": "user", "user-id": "1" }),
            "claims_map: user-id is no session variable (x-hasura-...)",
        ),
        (
            json!({ "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": { "paht": "$.a" } }),
            "unknown key \"paht\" in claims_map",
        ),
        (
            json!({ "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": { "default": "a" } }),
            "key \"path\" not found in claims_map",
        ),
    ] {
        assert_eq!(refused(&config(json!({ "claims_map": map }))), expected);
    }
}

#[tokio::test]
async fn audiences_and_issuers() {
    let one = json!({ "audience": "us" });
    assert_eq!(
        try_claims(one.clone(), &claims(json!({ "aud": "us" }))).await,
        USER
    );
    assert_eq!(
        try_claims(one.clone(), &claims(json!({ "aud": ["them", "us"] }))).await,
        USER
    );
    assert_eq!(
        try_claims(one.clone(), &claims(json!({ "aud": "them" }))).await,
        invalid("JWTNotInAudience")
    );
    assert_eq!(
        try_claims(one.clone(), &claims(json!({ "aud": [] }))).await,
        invalid("JWTNotInAudience")
    );
    assert_eq!(
        try_claims(one, &claims(json!({}))).await,
        invalid("JWTNotInAudience")
    );
    let several = json!({ "audience": ["us", "we"] });
    assert_eq!(
        try_claims(several.clone(), &claims(json!({ "aud": "we" }))).await,
        USER
    );
    assert_eq!(
        try_claims(several, &claims(json!({ "aud": "w" }))).await,
        invalid("JWTNotInAudience")
    );
    assert_eq!(
        try_claims(json!({}), &claims(json!({ "aud": "anyone" }))).await,
        USER
    );

    let issuer = json!({ "issuer": "https://us" });
    assert_eq!(
        try_claims(issuer.clone(), &claims(json!({ "iss": "https://us" }))).await,
        USER
    );
    assert_eq!(
        try_claims(issuer.clone(), &claims(json!({ "iss": "https://them" }))).await,
        invalid("JWTNotInIssuer")
    );
    // As documented by v2: no issuer is any.
    assert_eq!(try_claims(issuer, &claims(json!({}))).await, USER);
    assert_eq!(
        try_claims(json!({}), &claims(json!({ "iss": "anyone" }))).await,
        USER
    );
    assert_eq!(
        refused(&config(json!({ "issuer": 4 }))),
        "parsing issuer failed, expected String, but encountered Number"
    );
    assert_eq!(
        refused(&config(json!({ "audience": 4 }))),
        "parsing audience failed, expected String or Array, but encountered Number"
    );
}

#[tokio::test]
async fn times_and_the_skew() {
    let at = |name: &'static str, seconds: i64| claims(json!({ name: now() + seconds }));
    assert_eq!(try_claims(json!({}), &at("exp", 60)).await, USER);
    assert_eq!(
        try_claims(json!({}), &at("exp", -1)).await,
        invalid("JWTExpired")
    );
    assert_eq!(
        try_claims(json!({}), &at("nbf", 60)).await,
        invalid("JWTNotYetValid")
    );
    assert_eq!(
        try_claims(json!({}), &at("iat", 60)).await,
        invalid("JWTIssuedAtFuture")
    );
    let skew = json!({ "allowed_skew": 120 });
    for (name, seconds) in [("exp", -60), ("nbf", 60), ("iat", 60)] {
        assert_eq!(
            try_claims(skew.clone(), &at(name, seconds)).await,
            USER,
            "{name}"
        );
        assert_ne!(
            try_claims(skew.clone(), &at(name, seconds * 3)).await,
            USER,
            "{name}"
        );
    }
    let auth = Auth::jwts(&[config(json!({}))]).await;
    let token = format!(
        "Bearer {}",
        Signer::hmac().token("HS256", &claims(json!({ "exp": 4_102_444_800.5 })))
    );
    let session = auth
        .ask(&[("authorization", &token)], None)
        .await
        .unwrap()
        .session;
    assert_eq!(session.expires_at_s, Some(4_102_444_800));
    for bad in [json!(-1), json!("60"), json!(1e300)] {
        assert!(refused(&config(json!({ "allowed_skew": bad }))).starts_with("allowed_skew is"));
    }
}

#[tokio::test]
async fn places_of_the_token() {
    let token = Signer::hmac().token("HS256", &claims(json!({})));
    let bearer = format!("Bearer {token}");
    let cookie = format!("a=b; session = {token} ;c=d");
    let twice = format!("session={token}; session={token}");
    let missing = "400 invalid-headers: Missing 'Authorization' or 'Cookie' header in JWT authentication mode";
    let several = "400 invalid-headers: Could not verify JWT: Multiple JWTs found";
    for header in [
        json!({ "type": "Cookie", "name": "session" }),
        json!(r#"{"type": "cookie", "name": "session"}"#),
    ] {
        let auth = Auth::jwts(&[config(json!({ "header": header }))]).await;
        assert_eq!(auth.say(&[("cookie", &cookie)]).await, USER);
        assert_eq!(auth.say(&[("cookie", "session2=x")]).await, missing);
        assert_eq!(auth.say(&[("authorization", &bearer)]).await, missing);
        assert_eq!(auth.say(&[("cookie", &twice)]).await, several);
        assert_eq!(
            auth.say(&[("cookie", "session=x")]).await,
            invalid(
                "JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)"
            )
        );
    }
    let auth = Auth::jwts(&[config(
        json!({ "header": { "type": "CustomHeader", "name": "X-Token" } }),
    )])
    .await;
    assert_eq!(auth.say(&[("x-token", &token)]).await, USER);
    assert_eq!(auth.say(&[("authorization", &bearer)]).await, missing);
    assert!(
        auth.say(&[("x-token", &bearer)])
            .await
            .starts_with("400 invalid-jwt")
    );
    let auth = Auth::jwts(&[config(json!({ "header": { "type": "Authorization" } }))]).await;
    assert_eq!(auth.say(&[("authorization", &bearer)]).await, USER);
    assert_eq!(
        auth.say(&[("authorization", &bearer), ("authorization", &bearer)])
            .await,
        several
    );
    for bad in [
        json!({ "type": "Query" }),
        json!({}),
        json!("Authorization"),
        json!(4),
    ] {
        assert_eq!(
            refused(&config(json!({ "header": bad }))),
            "expected 'type' is 'Authorization' or 'Cookie' or 'CustomHeader'"
        );
    }
    assert_eq!(
        refused(&config(json!({ "header": { "type": "Cookie" } }))),
        "key \"name\" not found in header"
    );
}

#[tokio::test]
async fn several_secrets_are_told_apart_by_place_and_issuer() {
    let (ours, theirs) = (Signer::hmac(), Signer::Hmac(vec![b'k'; 64]));
    let one = config(json!({ "issuer": "one" }));
    let two = json!({ "type": "HS256", "key": "k".repeat(64), "issuer": "two" });
    let cookie = json!({ "type": "HS256", "key": "k".repeat(64), "header": { "type": "Cookie", "name": "t" } });
    let auth = Auth::jwts(&[one.clone(), two, cookie]).await;
    let token =
        |signer: &Signer, issuer: &str| signer.token("HS256", &claims(json!({ "iss": issuer })));
    assert_eq!(auth.bear(&token(&ours, "one")).await, USER);
    assert_eq!(auth.bear(&token(&theirs, "two")).await, USER);
    let swapped = auth.bear(&token(&theirs, "one")).await;
    assert_eq!(swapped, invalid("JWSError JWSInvalidSignature"));
    assert_eq!(
        auth.bear(&token(&ours, "three")).await,
        invalid("JWTNotInIssuer")
    );
    let unnamed = ours.token("HS256", &claims(json!({})));
    let several = "400 invalid-headers: Could not verify JWT: Multiple JWTs found";
    assert_eq!(auth.bear(&unnamed).await, several);
    let cookie = format!("t={}", token(&theirs, "anyone"));
    assert_eq!(auth.say(&[("cookie", &cookie)]).await, USER);
    let both = format!("Bearer {}", token(&ours, "one"));
    assert_eq!(
        auth.say(&[("cookie", &cookie), ("authorization", &both)])
            .await,
        several
    );
}

#[test]
fn what_is_no_configuration_stops_the_start() {
    for (bad, expected) in [
        (
            json!([]),
            "parsing a JWT secret failed, expected Object, but encountered Array",
        ),
        (json!({}), "key and jwk_url both cannot be empty"),
        (
            json!({ "key": "k", "jwk_url": "http://a" }),
            "key, jwk_url both cannot be present",
        ),
        (json!({ "key": "k" }), "key \"type\" not found"),
        (
            json!({ "jwk_url": "file:///keys" }),
            "jwk_url: the URL is not an absolute http or https URL",
        ),
    ] {
        assert_eq!(refused(&bad), expected);
    }
    assert!(
        refused(&config(json!({ "audiance": "us" })))
            .starts_with("unknown key \"audiance\"; known are type, key,")
    );
}

//! Method and path to what answers: the whole list of endpoints.
//!
//! Pure. A disabled API is not found, as if it did not exist.

use http::Method;

use super::developer::DeveloperPage;
use crate::settings::{Api, Console, HttpSettings};

/// What answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Graphql(GraphqlEndpoint),
    GraphqlGet,
    Admin(AdminApi),
    Config,
    PgDump,
    Version,
    Health,
    SourceHealth,
    /// For admins.
    Developer(DeveloperPage),
    ToConsole,
    /// What stands after `/console` in the path.
    Console(String),
    /// Known to v2; for admins, who are told that it is not there yet.
    NotBuilt(&'static str),
    NotFound,
}

/// A GraphQL endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GraphqlEndpoint {
    V1,
    V1Alpha1,
    Relay,
}

/// An endpoint of the administration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdminApi {
    Metadata,
    QueryV1,
    QueryV2,
    Explain,
}

/// Finds what answers.
pub(crate) fn route(method: &Method, path: &str, settings: &HttpSettings) -> Route {
    let on = |api: Api| settings.apis.contains(&api);
    let route = if *method == Method::POST {
        post(without_slash(path))
    } else if *method == Method::GET || *method == Method::HEAD {
        get(path)
    } else {
        return Route::NotFound;
    };
    let enabled = match &route {
        Route::Graphql(_) | Route::GraphqlGet => on(Api::Graphql),
        Route::Admin(_) => on(Api::Metadata),
        Route::Config => on(Api::Config),
        Route::Developer(_) => on(Api::Developer),
        Route::ToConsole | Route::Console(_) => {
            on(Api::Metadata) && settings.console == Console::Enabled
        }
        Route::PgDump => on(Api::PgDump),
        Route::NotBuilt(_) => on(Api::Metadata),
        Route::Version | Route::Health | Route::SourceHealth | Route::NotFound => true,
    };
    if enabled { route } else { Route::NotFound }
}

fn post(path: &str) -> Route {
    match path {
        "/v1/graphql" => Route::Graphql(GraphqlEndpoint::V1),
        "/v1alpha1/graphql" => Route::Graphql(GraphqlEndpoint::V1Alpha1),
        "/v1beta1/relay" => Route::Graphql(GraphqlEndpoint::Relay),
        "/v1/metadata" => Route::Admin(AdminApi::Metadata),
        "/v1/query" => Route::Admin(AdminApi::QueryV1),
        "/v2/query" => Route::Admin(AdminApi::QueryV2),
        "/v1/graphql/explain" | "/v1alpha1/graphql/explain" => Route::Admin(AdminApi::Explain),
        "/v1alpha1/pg_dump" => Route::PgDump,
        _ => Route::NotFound,
    }
}

fn get(path: &str) -> Route {
    match without_slash(path) {
        "/healthz" | "/hasura/healthz" => Route::Health,
        "/healthz/sources" => Route::SourceHealth,
        "/v1/version" => Route::Version,
        "/v1/graphql" => Route::GraphqlGet,
        "/v1alpha1/config" => Route::Config,
        "/api/swagger/json" => Route::NotBuilt("the OpenAPI document"),
        "" => Route::ToConsole,
        other => {
            if let Some(rest) = path.strip_prefix("/console") {
                return Route::Console(rest.to_owned());
            }
            let page = other.strip_prefix("/dev/").and_then(DeveloperPage::find);
            page.map_or(Route::NotFound, Route::Developer)
        }
    }
}

/// A slash at the end makes no difference.
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;
    use crate::test_settings;

    #[test]
    fn disabled_apis_do_not_exist() {
        let find = |flags: &[&str], method: Method, path: &str| {
            route(&method, path, &test_settings(flags).http)
        };
        let all: &[&str] = &["--enable-console"];
        assert_eq!(
            find(all, Method::POST, "/v1/graphql"),
            Route::Graphql(GraphqlEndpoint::V1)
        );
        assert_eq!(
            find(all, Method::POST, "/v1/metadata/"),
            Route::Admin(AdminApi::Metadata)
        );
        assert_eq!(find(all, Method::GET, "/"), Route::ToConsole);
        assert_eq!(
            find(
                &["--enabled-apis=developer"],
                Method::GET,
                "/dev/subscriptions/extended/"
            ),
            Route::Developer(DeveloperPage::SubscriptionsExtended)
        );
        assert_eq!(
            find(all, Method::GET, "/console/a/b"),
            Route::Console("/a/b".to_owned())
        );
        for (flags, method, path) in [
            (
                &["--enabled-apis=metadata"][..],
                Method::POST,
                "/v1/graphql",
            ),
            (&["--enabled-apis=metadata"], Method::GET, "/v1/graphql"),
            (&["--enabled-apis=graphql"], Method::POST, "/v1/metadata"),
            (&["--enabled-apis=graphql"], Method::POST, "/v2/query"),
            (
                &["--enabled-apis=graphql"],
                Method::POST,
                "/v1/graphql/explain",
            ),
            (
                &["--enabled-apis=graphql", "--enable-console"],
                Method::GET,
                "/console",
            ),
            (&["--enabled-apis=graphql"], Method::GET, "/v1alpha1/config"),
            (&[], Method::GET, "/console"),
            (&[], Method::GET, "/dev/subscriptions"),
            (&["--enabled-apis=developer"], Method::GET, "/dev/other"),
            (&[], Method::DELETE, "/v1/graphql"),
            (&[], Method::GET, "/nowhere"),
        ] {
            assert_eq!(find(flags, method, path), Route::NotFound, "{path}");
        }
        assert_eq!(
            find(&["--enabled-apis="], Method::GET, "/healthz"),
            Route::Health
        );
    }
}

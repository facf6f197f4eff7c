//! Connection strings: every spelling, and that no secret is ever shown.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use super::*;

fn parse(text: &str) -> ConnectionOptions {
    ConnectionOptions::parse(text).unwrap()
}

#[test]
fn a_plain_url() {
    let options = parse("postgres://ann:s3cret@db.example:6543/shop?sslmode=require");
    assert_eq!(options.user(), Some("ann"));
    assert_eq!(options.password, Some(Secret("s3cret".to_owned())));
    assert_eq!(options.database(), Some("shop"));
    assert_eq!(options.addresses(), ["db.example:6543"]);
    assert_eq!(options.ssl_mode(), SslMode::Require);
    assert_eq!(options.application_name, "graphloom");
}

#[test]
fn sockets() {
    for url in [
        "postgresql://ann@/db?host=/var/run/pg&port=5433",
        "postgresql://ann@%2Fvar%2Frun%2Fpg:5433/db",
        "postgresql:///db?host=/var/run/pg&port=5433&user=ann",
        "host=/var/run/pg port=5433 user=ann dbname=db",
    ] {
        let options = parse(url);
        assert_eq!(options.addresses(), ["/var/run/pg/.s.PGSQL.5433"], "{url}");
        assert_eq!(
            (options.user(), options.database()),
            (Some("ann"), Some("db")),
            "{url}"
        );
    }
}

#[test]
fn many_hosts_and_ipv6() {
    let options = parse("postgres://u@a:1,[::1]:2,c/db");
    assert_eq!(options.addresses(), ["a:1", "[::1]:2", "c:5432"]);
    let options = parse("host=a,b port=1 hostaddr=10.0.0.1,10.0.0.2 user=u");
    assert_eq!(options.addresses(), ["a:1", "b:1"]);
    assert_eq!(
        options.endpoints[1].address,
        Some("10.0.0.2".parse().unwrap())
    );
    assert!(ConnectionOptions::parse("postgres://a,b/?port=1,2,3").is_err());
}

#[test]
fn no_host_is_the_local_socket_and_then_the_loopback() {
    let options = parse("postgresql:///db");
    assert_eq!(
        options.addresses(),
        ["/var/run/postgresql/.s.PGSQL.5432", "localhost:5432"]
    );
}

#[test]
fn keyword_strings_have_quotes_and_escapes() {
    let options = parse(r"host = h user='a b' password='it\'s' dbname=x\ y");
    assert_eq!(options.user(), Some("a b"));
    assert_eq!(options.password, Some(Secret("it's".to_owned())));
    assert_eq!(options.database(), Some("x y"));
}

#[test]
fn percent_encodings_are_read_in_every_part() {
    let options = parse("postgres://a%40b:p%2Fw%3A%23@h/d%20b?options=-c%20geqo%3Doff");
    assert_eq!(options.user(), Some("a@b"));
    assert_eq!(options.password, Some(Secret("p/w:#".to_owned())));
    assert_eq!(options.database(), Some("d b"));
    assert_eq!(options.options.as_deref(), Some("-c geqo=off"));
    let wrong = ConnectionOptions::parse("postgres://u:50%@h/db").unwrap_err();
    assert_eq!(wrong, OptionsError::PercentEncoding("password"));
}

#[test]
fn an_unescaped_at_sign_stays_in_the_password() {
    let options = parse("postgres://u:top@secret@h/db");
    assert_eq!(options.password, Some(Secret("top@secret".to_owned())));
    assert_eq!(options.addresses(), ["h:5432"]);
}

#[test]
fn the_password_is_never_shown() {
    for url in [
        "postgres://u:hunter2@h/db?sslmode=disable",
        "host=h user=u password=hunter2",
        "postgres://h/db?user=u&password=hunter2",
    ] {
        let options = parse(url);
        for shown in [
            options.redacted(),
            options.to_string(),
            format!("{options:?}"),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("***"), "{shown}");
        }
    }
    // Errors quote no value: an unescaped character makes a host or port of a password.
    for url in [
        "postgres://u:hun/ter2@h/db",
        "postgres://u:hunter2%zz@h/db",
        "postgres://u@h/db?sslmode=hunter2",
        "postgres://u:x?hunter2@h/db",
        "mysql://u:hunter2@h/db",
        "password=a hunter2",
        "postgres://h:hunter2",
    ] {
        let error = ConnectionOptions::parse(url).unwrap_err();
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(
                !shown.contains("hunter2") && !shown.contains("ter2"),
                "{url}: {shown}"
            );
        }
    }
}

#[test]
fn the_redacted_url_is_read_back() {
    let options = parse("postgres://a%40b:p@[::1]:7,%2Ftmp/d%20b?sslmode=verify-ca");
    let mut again = parse(&options.redacted());
    assert_eq!(again.password, Some(Secret("***".to_owned())));
    again.password.clone_from(&options.password);
    assert_eq!(again, options);
}

#[test]
fn every_sslmode() {
    for mode in [
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ] {
        assert_eq!(
            parse(&format!("postgres://h/db?sslmode={mode}"))
                .ssl_mode()
                .as_str(),
            mode
        );
    }
    assert_eq!(parse("postgres://h/db").ssl_mode(), SslMode::Prefer);
    assert_eq!(
        parse("postgres://h/db?ssl=true").ssl_mode(),
        SslMode::Require
    );
    assert_eq!(
        parse("postgres://h/db?sslrootcert=system").ssl_mode(),
        SslMode::VerifyFull
    );
}

#[test]
fn variables_fill_in_what_the_url_leaves_out() {
    let environment = |name: &str| {
        let value = match name {
            "PGUSER" => "env_user",
            "PGPASSWORD" => "env_password",
            "PGSSLMODE" => "verify-full",
            "PGSSLROOTCERT" => "/ca.pem",
            "PGSSLCERT" => "/client.pem",
            "PGSSLKEY" => "/client.key",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let options = ConnectionOptions::parse_with("postgres://url_user@h/db", &environment).unwrap();
    assert_eq!(options.user(), Some("url_user"));
    assert_eq!(options.password, Some(Secret("env_password".to_owned())));
    assert_eq!(options.ssl_mode(), SslMode::VerifyFull);
    let file = |path: &str| PemSource::File(path.into());
    assert_eq!(options.tls.roots, Some(Roots::Pem(file("/ca.pem"))));
    assert_eq!(options.tls.certificate, Some(file("/client.pem")));
    assert_eq!(options.tls.key, Some(file("/client.key")));
}

#[test]
fn overrides_win() {
    let options = parse("postgres://h/db?sslmode=disable").with_ssl(SslOverrides {
        mode: Some(SslMode::VerifyCa),
        root_certificate: Some(PemSource::Inline("top secret".to_owned())),
        ..SslOverrides::default()
    });
    assert_eq!(options.ssl_mode(), SslMode::VerifyCa);
    assert!(!format!("{options:?}").contains("top secret"));
}

#[test]
fn settings_we_lack_are_named() {
    for (url, expected) in [
        (
            "postgres://h/?service=x",
            OptionsError::UnsupportedSetting("service".to_owned()),
        ),
        (
            "postgres://h/?requirepeer=x",
            OptionsError::UnsupportedSetting("requirepeer".to_owned()),
        ),
        (
            "postgres://h/?pool_size=9",
            OptionsError::UnknownSetting("pool_size".to_owned()),
        ),
    ] {
        assert_eq!(ConnectionOptions::parse(url).unwrap_err(), expected);
    }
    assert!(ConnectionOptions::parse("postgres://h/?gssencmode=disable").is_ok());
    assert!(ConnectionOptions::parse("").is_err());
    assert!(ConnectionOptions::parse("just words").is_err());
}

#[test]
fn parameters_instead_of_a_url() {
    let settings = [
        ("host", "h"),
        ("port", "7"),
        ("user", "u"),
        ("password", "p@/"),
        ("dbname", "d"),
    ];
    let options = ConnectionOptions::from_settings(&settings).unwrap();
    assert_eq!(options, parse("postgres://u:p%40%2F@h:7/d"));
    assert!(ConnectionOptions::from_settings(&[("nope", "x")]).is_err());
}

#[test]
fn a_program_is_told_by_variables_that_no_debug_print_shows() {
    let options = ConnectionOptions::parse(
        "postgresql://u:hunter2@a.example:1,b.example/my%20db?sslmode=require&options=-c%20x%3Dy",
    );
    let variables = options.unwrap().libpq_variables().unwrap();
    assert!(!format!("{variables:?}").contains("hunter2"));
    let all: std::collections::BTreeMap<_, _> = variables.iter().collect();
    for (name, value) in [
        ("PGHOST", "a.example,b.example"),
        ("PGPORT", "1,5432"),
        ("PGUSER", "u"),
        ("PGPASSWORD", "hunter2"),
        ("PGDATABASE", "my db"),
        ("PGSSLMODE", "require"),
        ("PGOPTIONS", "-c x=y"),
    ] {
        assert_eq!(all.get(name), Some(&value), "{name}");
    }
    let inline = SslOverrides {
        root_certificate: Some(PemSource::Inline("PEM".to_owned())),
        ..SslOverrides::default()
    };
    let inline = ConnectionOptions::parse("postgresql://u@h/d")
        .unwrap()
        .with_ssl(inline);
    let error = inline.libpq_variables().unwrap_err().to_string();
    assert_eq!(
        error,
        "the connection setting \"sslrootcert\" is not supported"
    );
}

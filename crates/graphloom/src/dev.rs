//! `dev`: one command that gives a GraphQL API over a Postgres of our own, or over one that is named.
//!
//! It is `serve` with other defaults, for the person at this machine: loopback only, a console, an admin
//! secret, logs to read. Everything that can be wrong with the options is found before a database is
//! started. Read next: `sample.rs` (what a new database gets), `banner.rs` (what is printed), the crate
//! `graphloom_managed` (the Postgres).

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use graphloom_managed::{self as managed, Event, Managed, Observer, Tcp};
use graphloom_pg::ConnectionOptions;
use graphloom_server::options::Kind::{Choice, Integer, Switch};
use graphloom_server::options::{CommandLine, Opt, SERVE, Source, Values};
use graphloom_server::settings::{Hosts, Settings};
use graphloom_server::startup::{self, Server};
use graphloom_server::{Level, Logs, Services};

use crate::banner::{self, Banner, ShownSecret};
use crate::local::{self, LOCAL};
use crate::{occupant, sample, secret, threads, track};

/// Options of `dev` alone.
#[rustfmt::skip]
const DEV: &[Opt] = &[
    Opt::new("reset", &[], Switch,
        "Delete the managed database with everything in it, and begin anew").or("false"),
    Opt::new("track", &[], Choice(&["all"]),
        "Track every table and view of the source `default` that is not tracked yet"),
    Opt::new("postgres-port", &["GRAPHLOOM_POSTGRES_PORT"], Integer(0, 65535),
        "Let tools reach the managed Postgres at this port of 127.0.0.1, with a password; 0 takes a \
         free one. Without it there is the unix socket only"),
];

/// Every option of `dev`.
pub(crate) const OPTIONS: &[&[Opt]] = &[DEV, LOCAL, SERVE];

/// What `dev` says where `serve` says something else. Flags and variables beat these.
const DEFAULTS: [(&str, &str); 4] = [
    ("server-host", "127.0.0.1"),
    ("enable-console", "true"),
    ("log-format", "pretty"),
    ("graceful-shutdown-timeout", "10"),
];

/// Where the source `default` is looked up, so that no path of this machine gets into metadata.
const URL_VARIABLE: &str = "HASURA_GRAPHQL_DATABASE_URL";
/// The database in the managed cluster: the one that `initdb` makes.
const DATABASE: &str = "postgres";

type Environment = HashMap<String, String>;

/// Runs until a signal, then stops the database. Errors are for the person at the terminal.
pub(crate) fn run(line: &CommandLine, mut environment: Environment) -> Result<ExitCode, String> {
    let mut line = with_server_port(line);
    let values = resolve(&line, &environment)?;
    let mut options = local::managed_options(&values).map_err(|error| local::explain(&error))?;
    options.tcp = tcp(&values);
    check_host(&values)?;
    for (flag, default) in DEFAULTS {
        if !values.is_given(flag) {
            line.flags.push((flag, default.to_owned()));
        }
    }
    let is_managed = !local::names_a_database(&values);
    if !is_managed && values.boolean("reset") {
        let text = "--reset deletes the managed database; it is never applied to one given by URL";
        return Err(text.to_owned());
    }
    check_options(&line, &environment, is_managed)?;
    check_port(&values)?;

    // From here on the machine is changed. The runtime comes after the database: until then Ctrl-C
    // ends the process at once, and the database with it.
    let database = if is_managed {
        let managed = start_postgres(options.clone(), &values)?;
        let url = managed.connection_url(DATABASE);
        environment.insert(URL_VARIABLE.to_owned(), url);
        Some(managed)
    } else {
        make_data_dir(&options.data_dir)?;
        None
    };
    let shown = admin_secret(&mut line, &values, &options.data_dir)?;
    let served = serve(Start {
        line: &line,
        environment,
        managed: database.as_ref(),
        data_dir: &options.data_dir,
        secret: shown,
    });
    match database {
        Some(managed) => {
            let stopped = managed.stop().map_err(|error| error.to_string());
            served.and(stopped)
        }
        None => served,
    }?;
    Ok(ExitCode::SUCCESS)
}

/// `--port` is the natural name here. `serve` has it for the port of a database, which is given to
/// `dev` by a URL.
fn with_server_port(line: &CommandLine) -> CommandLine {
    let mut line = line.clone();
    if line.value("host").is_none() {
        for (flag, _) in &mut line.flags {
            if *flag == "port" {
                *flag = "server-port";
            }
        }
    }
    line
}

fn resolve(line: &CommandLine, environment: &Environment) -> Result<Values, String> {
    Values::resolve(line, environment, OPTIONS).map_err(|error| error.to_string())
}

fn tcp(values: &Values) -> Tcp {
    match values.text("postgres-port") {
        None => Tcp::Off,
        Some(_) => match u16::try_from(values.integer("postgres-port")) {
            Ok(0) | Err(_) => Tcp::LoopbackOnFreePort,
            Ok(port) => Tcp::Loopback(port),
        },
    }
}

fn check_host(values: &Values) -> Result<(), String> {
    let host = values.required("server-host");
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if is_loopback || !values.is_given("server-host") {
        return Ok(());
    }
    let source = values.source("server-host");
    Err(format!(
        "{source}: `dev` is for this machine alone and listens on 127.0.0.1. For a server that others \
         can reach, use `graphloom serve`"
    ))
}

/// Finds what is wrong with the options while nothing has happened yet.
fn check_options(
    line: &CommandLine,
    environment: &Environment,
    is_managed: bool,
) -> Result<(), String> {
    let mut environment = environment.clone();
    if is_managed {
        environment.insert(URL_VARIABLE.to_owned(), "postgresql:///to-come".to_owned());
    }
    settings(line, &environment).map(drop)
}

fn settings(line: &CommandLine, environment: &Environment) -> Result<(Settings, Values), String> {
    let values = resolve(line, environment)?;
    let mut settings = Settings::new(&values).map_err(|error| error.to_string())?;
    settings.http.hosts = Hosts::Loopback;
    Ok((settings, values))
}

/// Finding a Postgres may take a download; a taken port is better known before that.
fn check_port(values: &Values) -> Result<(), String> {
    let port = u16::try_from(values.integer("server-port")).unwrap_or_default();
    match TcpListener::bind(("127.0.0.1", port)) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let who = occupant::of(port);
            Err(format!(
                "the port {port} is taken by {who}: stop it, or choose another port with \
                 --server-port (0 takes a free one)"
            ))
        }
        // Any other reason is told when the server takes the port.
        _ => Ok(()),
    }
}

fn start_postgres(mut options: managed::Options, values: &Values) -> Result<Managed, String> {
    if values.boolean("reset") {
        managed::reset(&options).map_err(|error| local::explain(&error))?;
    }
    let due = sample::Due::of(&options.data_dir);
    options.observer = Observer::new(move |event| {
        if let Event::Initialising { .. } = event
            && let Err(error) = due.set()
        {
            say(&format!("The new database will have no sample: {error}"));
        }
        if let Some(text) = progress(event) {
            say(&text);
        }
    });
    managed::start(options).map_err(|error| local::explain(&error))
}

/// What a person who waits is told. A start that takes a moment needs no words.
fn progress(event: &Event) -> Option<String> {
    Some(match event {
        Event::Downloading { url } => format!("Downloading PostgreSQL (about 24 MB) from {url} …"),
        Event::Unpacking { into } => format!("Unpacking it into {} …", into.display()),
        Event::Initialising { cluster } => {
            format!("Making a new database in {} …", cluster.display())
        }
        Event::WaitingForPrevious { pid } => {
            format!("Waiting for an earlier PostgreSQL (process {pid}) to stop …")
        }
        Event::Exited {
            reason, pause_ms, ..
        } => {
            format!("{reason}; starting PostgreSQL again in {pause_ms} ms")
        }
        Event::Starting { .. } | Event::Ready { .. } => return None,
    })
}

/// For the admin secret alone. Others may pass through, as the managed Postgres needs it for root.
fn make_data_dir(dir: &Path) -> Result<(), String> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o711).create(dir);
    made.map_err(|error| {
        let dir = dir.display();
        format!("cannot create the directory {dir} for the admin secret (see --data-dir): {error}")
    })
}

/// Makes sure there is an admin secret, and says how it may be shown.
fn admin_secret(
    line: &mut CommandLine,
    values: &Values,
    data_dir: &Path,
) -> Result<ShownSecret, String> {
    let flags = ["admin-secrets", "admin-secret", "access-key"];
    let Some(flag) = flags.into_iter().find(|flag| values.is_given(flag)) else {
        let secret = secret::load_or_create(data_dir).map_err(|error| error.to_string())?;
        line.flags.push(("admin-secret", secret.clone()));
        return Ok(ShownSecret::Text(secret));
    };
    let source = values.source(flag);
    Ok(match (&source, flag) {
        (_, "admin-secrets") | (Source::Default, _) => ShownSecret::Hidden(source.to_string()),
        (Source::Flag(_), _) => ShownSecret::Text(values.text(flag).unwrap_or_default().to_owned()),
        (Source::Variable(name), _) => ShownSecret::Variable(name.clone()),
    })
}

/// What the asynchronous part is started with.
struct Start<'a> {
    line: &'a CommandLine,
    environment: Environment,
    managed: Option<&'a Managed>,
    data_dir: &'a Path,
    secret: ShownSecret,
}

fn serve(start: Start<'_>) -> Result<(), String> {
    let values = resolve(start.line, &start.environment)?;
    let runtime = threads::runtime(Some(&values))?;
    let served = runtime.block_on(serve_async(start));
    // What still runs is not waited for: the database is about to stop.
    runtime.shutdown_background();
    served
}

async fn serve_async(start: Start<'_>) -> Result<(), String> {
    let (settings, values) = settings(start.line, &start.environment)?;
    let logs = Logs::stdout(settings.log.clone());
    for notice in values.notices() {
        logs.startup(Level::Warn, "options", notice.to_string().into());
    }
    let due = sample::Due::of(start.data_dir);
    let gets_sample = start.managed.is_some() && due.is_set();
    if let Some(managed) = start.managed
        && gets_sample
    {
        sample::load(&managed.connection_url(DATABASE)).await?;
    }
    let services = startup::wire(&settings, start.environment, &logs).await;
    let services = services.map_err(|error| flushed(&logs, error))?;
    if gets_sample {
        sample::track(&*services).await?;
        due.clear()
            .map_err(|error| format!("cannot note that the sample is loaded: {error}"))?;
    }
    if values.is_given("track") {
        let tracked = track::all(&*services).await?;
        let text = format!("tables and views that were not tracked: {}", tracked.found);
        logs.unstructured(Level::Info, &text);
        for warning in &tracked.warnings {
            logs.unstructured(Level::Warn, warning);
        }
    }
    let console = settings.http.console;
    let given_url = settings.database.default_url.clone();
    let server = Server::bind(settings, Arc::clone(&services), logs.clone()).await;
    let server = server.map_err(|error| flushed(&logs, error))?;
    let facts = match start.managed {
        Some(managed) => managed_facts(managed),
        None => given_facts(given_url.as_deref()),
    };
    let banner = banner(&server, (console, start.secret, facts), &*services).await?;
    // The banner stands whole, between records of before and after.
    logs.flush();
    print(&banner.text());
    startup::run(server)
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}

fn flushed(logs: &Logs, error: startup::Fatal) -> String {
    logs.flush();
    error.to_string()
}

type Shown = (
    graphloom_server::settings::Console,
    ShownSecret,
    Vec<(&'static str, String)>,
);

async fn banner(
    server: &Server,
    (console, secret, facts): Shown,
    services: &dyn Services,
) -> Result<Banner, String> {
    let address: SocketAddr = server
        .address()
        .map_err(|error| format!("cannot tell the server's address: {error}"))?;
    let has_sample = sample::is_served(services).await;
    Ok(Banner {
        address,
        console: match console {
            graphloom_server::settings::Console::Enabled => banner::Console::Served,
            graphloom_server::settings::Console::Disabled => banner::Console::NotServed,
        },
        secret,
        facts,
        query: if has_sample {
            sample::QUERY
        } else {
            "{ __typename }"
        }
        .to_owned(),
        sample: match has_sample {
            true => banner::Sample::Served,
            false => banner::Sample::NotServed,
        },
    })
}

fn managed_facts(managed: &Managed) -> Vec<(&'static str, String)> {
    let installation = &managed.installation;
    let postgres = format!(
        "PostgreSQL {}, {}",
        installation.version.text, installation.origin
    );
    let sql = managed.psql_command(DATABASE).unwrap_or_else(|| {
        let url = managed.connection_url(DATABASE);
        format!("{url} (there is no psql on this machine; --postgres-port 0 opens TCP for others)")
    });
    let mut facts = vec![
        ("Data", managed.data_dir().display().to_string()),
        ("Database", postgres),
        ("SQL", sql),
    ];
    facts.extend(managed.tcp_url(DATABASE).map(|url| ("TCP", url)));
    facts
}

fn given_facts(url: Option<&str>) -> Vec<(&'static str, String)> {
    let options = url.and_then(|url| ConnectionOptions::parse(url).ok());
    let redacted = options.map(|options| options.redacted());
    redacted
        .map(|url| vec![("Database", url)])
        .unwrap_or_default()
}

/// Progress, for the person who waits. Not on standard output, where logs and the banner are.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed output is no reason to stop serving.
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .ok();
}

//! A throw-away Postgres: a socket, a TCP port with TLS, and one user per way of being let in.
//!
//! A shell holds the read end of a pipe of ours and stops the server when we end, however we end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use graphloom_pg::{Connection, ConnectionOptions, Pool, PoolOptions, connect_once};

/// Who may come in how.
const HBA: &str = "\
local     all all          trust
hostnossl all plain_only   127.0.0.1/32 trust
hostssl   all tls_only     127.0.0.1/32 trust
hostssl   all with_cert    127.0.0.1/32 cert
host      all with_secret  127.0.0.1/32 scram-sha-256
host      all anyone       127.0.0.1/32 trust
";

const USERS: &str = "\
CREATE ROLE plain_only LOGIN; CREATE ROLE tls_only LOGIN; CREATE ROLE with_cert LOGIN;
CREATE ROLE with_secret LOGIN PASSWORD 'right@secret'; CREATE ROLE anyone LOGIN;
CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM public;";

pub(crate) struct Cluster {
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    /// Stops the server when its standard input closes, which it does when we end.
    _watchdog: Child,
}

/// The cluster all tests share.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

impl Cluster {
    /// A cluster of one's own, for tests that stop it.
    pub(crate) fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("gl-pg-{}-{number}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&dir));
        }
        let port = free_port();
        let data = dir.join("data");
        let initdb = "initdb -D data -U postgres -A trust -E UTF8 --locale=C --no-sync";
        run(&mut in_server(&dir, initdb));
        write(&dir, "data/pg_hba.conf", HBA);
        certificates(&dir);
        let settings = format!(
            "fsync = off\nlisten_addresses = '127.0.0.1'\nport = {port}\n\
             unix_socket_directories = '{}'\nssl = on\nssl_cert_file = '../server.crt'\n\
             ssl_key_file = '../server.key'\nssl_ca_file = '../ca.crt'\nmax_connections = 60\n",
            dir.display()
        );
        let auto = data.join("postgresql.auto.conf");
        std::fs::write(auto, settings).unwrap();
        let mut cluster = in_server(
            &dir,
            "cat >&2; pg_ctl -D data -m immediate stop; rm -rf \"$PWD\"",
        );
        let watchdog = cluster
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let cluster = Self {
            dir: dir.clone(),
            port,
            _watchdog: watchdog.spawn().unwrap(),
        };
        cluster.control("start");
        run(&mut in_server(
            &dir,
            &format!("psql -qX -h \"$PWD\" -p {port} -U postgres -f users.sql"),
        ));
        cluster
    }

    /// `start`, `stop` or `restart`.
    pub(crate) fn control(&self, action: &str) {
        let command = format!("pg_ctl -D data -l log -m fast -w {action}");
        run(&mut in_server(&self.dir, &command));
    }

    /// The superuser's URL over the socket.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgresql://postgres@/postgres?host={}&port={}",
            self.dir.display(),
            self.port
        )
    }

    /// A user's URL over TCP; `rest` is `sslmode=…` and the like.
    pub(crate) fn tcp_url(&self, user: &str, host: &str, rest: &str) -> String {
        format!("postgresql://{user}@{host}:{}/postgres?{rest}", self.port)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

/// A connection of the superuser's to the shared cluster.
pub(crate) async fn connection() -> Connection {
    connect_once(&options(&cluster().url())).await.unwrap()
}

/// A pool on the shared cluster, whose sessions have a name of their own.
pub(crate) fn pool(name: &str, pool_options: PoolOptions) -> Pool {
    Pool::new(
        options(&cluster().url()).with_application_name(name),
        pool_options,
    )
}

/// A new database on the shared cluster.
pub(crate) async fn database(name: &str) -> ConnectionOptions {
    connection()
        .await
        .simple(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    options(&cluster().url()).with_database(name)
}

pub(crate) fn options(url: &str) -> ConnectionOptions {
    ConnectionOptions::parse(url).unwrap()
}

/// The first value a statement gives, over a connection of its own.
pub(crate) async fn ask(text: &str) -> Option<String> {
    let statement = graphloom_pg::Statement::new(text);
    let mut rows = connection()
        .await
        .query_text_rows(&statement, &[])
        .await
        .unwrap();
    rows.swap_remove(0).swap_remove(0)
}

/// Waits until the statement gives the value; ends by the runner's own limit if it never does.
pub(crate) async fn until(text: &str, expected: &str) {
    while ask(text).await.as_deref() != Some(expected) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn certificates(dir: &Path) {
    write(dir, "users.sql", USERS);
    write(dir, "server.ext", "subjectAltName = DNS:localhost\n");
    let authority = |name: &str| {
        format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} \
             -keyout {name}.key -out {name}.crt"
        )
    };
    let signed = |name: &str, common_name: &str, rest: &str| {
        format!(
            "openssl req -newkey rsa:2048 -nodes -subj /CN={common_name} -keyout {name}.key -out {name}.csr && \
             openssl x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 {rest} -out {name}.crt"
        )
    };
    let steps = [
        authority("ca"),
        authority("stranger"),
        signed("server", "localhost", "-extfile server.ext"),
        signed("client", "with_cert", ""),
        "openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:sesame -in client.key -out locked.key"
            .to_owned(),
        "chmod 600 *.key".to_owned(),
    ];
    run(&mut in_server(dir, &steps.join(" && ")));
}

/// A shell command in the cluster's directory, as a user that Postgres lets run it.
fn in_server(dir: &Path, command: &str) -> Command {
    let mut shell = if is_root() {
        let mut shell = Command::new("setpriv");
        shell.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "sh",
        ]);
        shell
    } else {
        Command::new("sh")
    };
    let path = std::env::var("PATH").unwrap_or_default();
    shell
        .args(["-c", command])
        .current_dir(dir)
        .env("PATH", format!("{path}:{}", debian_bin()));
    shell.env_remove("LC_ALL").env("LANG", "C");
    shell
}

/// Where Debian keeps the newest server's programs, which it leaves off the path.
fn debian_bin() -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions.map(|entry| entry.path()).max();
    newest
        .map(|path| path.join("bin").display().to_string())
        .unwrap_or_default()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

fn run(command: &mut Command) -> Output {
    // Not to a pipe: the server that `pg_ctl` leaves behind would hold it open.
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = output.status().unwrap();
    assert!(status.success(), "{command:?} failed: {status}");
    Output {
        status,
        stdout: Vec::new(),
        stderr: Vec::new(),
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

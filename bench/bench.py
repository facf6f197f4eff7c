#!/usr/bin/env python3
"""Ten shapes of queries against the best SQL written by hand, and the whole server against Postgres alone.

  bench.py load  --pg-url URL                   fill the database with the blog (blog.sql), about 15 s
  bench.py plans --pg-url URL --bin PATH        docs/sql-plans.md: our SQL, its plan, the best SQL, its plan, times
  bench.py run   --pg-url URL --bin PATH        requests per second and CPU per request, next to pgbench with the best SQL

A shape is shapes/NN-name.graphql (lines `# role: …` and `# session: {…}` say who asks) and shapes/NN-name.sql, the
best statement we know, which gives the same JSON. Answers are compared before anything is timed. The server keeps its
metadata in a database of its own beside the blog, NAME_metadata, made anew and dropped. Needs PostgreSQL's client
programs (pgbench among them), wrk for `run`, and Python 3.9 with nothing else.
"""
import argparse, glob, json, os, re, socket, subprocess, sys, tempfile, time, urllib.request
from urllib.parse import urlsplit, urlunsplit

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "docs", "sql-plans.md")
SECRET = "bench"
TICKS = os.sysconf("SC_CLK_TCK")


class Shape:
    def __init__(self, path):
        text = open(path).read()
        self.name = os.path.basename(path)[: -len(".graphql")]
        heads = re.findall(r"^# (.*)$", text, re.M)
        self.title = heads[0]
        settings = dict(re.findall(r"^# (role|session): (.*)$", text, re.M))
        self.session = json.loads(settings.get("session", "{}"))
        if "role" in settings:
            self.session["x-hasura-role"] = settings["role"]
        self.query = re.sub(r"^#.*\n", "", text, flags=re.M).strip()
        best = open(path[: -len("graphql")] + "sql").read().strip()
        self.why = " ".join(re.findall(r"^-- (.*)$", best, re.M))
        self.best = re.sub(r"^--.*\n", "", best, flags=re.M)


def shapes(wanted):
    every = [Shape(path) for path in sorted(glob.glob(os.path.join(HERE, "shapes", "*.graphql")))]
    return [s for s in every if not wanted or any(w in s.name for w in wanted)]


def psql(url, sql=None, file=None):
    command = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", url]
    command += ["-f", file] if file else ["-c", sql]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"psql: {done.stderr}\n{sql or file}")
    return done.stdout.rstrip("\n")


def sibling(url, database):
    return urlunsplit(urlsplit(url)._replace(path="/" + database))


class Server:
    """The server on the blog, with its metadata in a database of its own."""

    environment = {"HASURA_GRAPHQL_EXPERIMENTAL_FEATURES": "optimize_permission_filters"}

    def metadata(self):
        return json.load(open(os.path.join(HERE, "metadata.json")))

    def __init__(self, binary, url):
        self.url, self.name = url, urlsplit(url).path.strip("/") + "_metadata"
        psql(url, f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
        psql(url, f'CREATE DATABASE "{self.name}"')
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = dict(os.environ, HASURA_GRAPHQL_DATABASE_URL=url, HASURA_GRAPHQL_METADATA_DATABASE_URL=sibling(url, self.name),
                           HASURA_GRAPHQL_SERVER_HOST="127.0.0.1", HASURA_GRAPHQL_SERVER_PORT=str(self.port),
                           HASURA_GRAPHQL_ADMIN_SECRET=SECRET, HASURA_GRAPHQL_LOG_LEVEL="error", **self.environment)
        self.process = subprocess.Popen([binary, "serve"], env=environment, stdout=subprocess.DEVNULL)
        metadata = self.metadata()
        for attempt in range(200):
            try:
                self.post("/v1/metadata", {"type": "replace_metadata", "args": metadata})
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        self.stop()
        sys.exit("the server does not answer")

    def headers(self, session):
        return {"X-Hasura-Admin-Secret": SECRET, "Content-Type": "application/json", **session}

    def post(self, path, body, session={}):
        address = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, json.dumps(body).encode(), self.headers(session))
        return json.load(urllib.request.urlopen(request))

    def get(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=self.headers({}))
        return json.load(urllib.request.urlopen(request))

    def data(self, shape):
        answer = self.post("/v1/graphql", {"query": shape.query}, shape.session)
        if "data" not in answer:
            sys.exit(f"{shape.name}: {answer}")
        return list(answer["data"].values())[0]

    def sql(self, shape):
        answer = self.post("/v1/graphql/explain", {"query": {"query": shape.query}, "user": shape.session or None})
        return (answer if isinstance(answer, list) else [answer])[0]["sql"]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        psql(self.url, f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


def check(server, shape, url):
    """Ends the program unless the server's answer is that of the best SQL; lists without an order may differ in it."""
    ours, best = server.data(shape), json.loads(psql(url, shape.best))
    if ours != best and unordered(ours) != unordered(best):
        sys.exit(f"{shape.name}: the server's answer is not that of the hand-written SQL")


def unordered(value):
    if isinstance(value, list):
        return sorted((unordered(each) for each in value), key=json.dumps)
    if isinstance(value, dict):
        return {key: unordered(each) for key, each in value.items()}
    return value


def explained(url, sql):
    """(plan, blocks touched); the first of two runs warms the caches."""
    psql(url, sql)
    plan = psql(url, "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) " + sql)
    hit = re.search(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", plan)
    blocks = sum(int(number or 0) for number in hit.groups()) if hit else 0
    lines = [line for line in plan.splitlines() if "Buffers:" not in line and not line.startswith("Planning")]
    return "\n".join(lines), blocks


def pgbench(url, sql, clients, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(sql.strip().rstrip(";") + ";\n")
        script.flush()
        command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), "-f", script.name, url]
        done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    if not found:
        sys.exit(f"pgbench: {done.stderr}")
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout).group(1))
    return float(found.group(1)), rate


def times(url, statements, seconds, rounds=3):
    """Milliseconds each, the least of some rounds, turn by turn."""
    best = [float("inf")] * len(statements)
    for _ in range(rounds):
        for position, sql in enumerate(statements):
            best[position] = min(best[position], pgbench(url, sql, 1, seconds)[0])
    return best


def wrapped(sql):
    """One clause to a line, and no line too long to read."""
    sql = re.sub(r" (FROM \(|LEFT JOIN|JOIN LATERAL|WHERE |GROUP BY|ORDER BY|LIMIT)", r"\n\1", sql)
    return "\n".join(line.rstrip() for line in sql.splitlines())


def plans(options):
    server = Server(options.bin, options.pg_url)
    rows, sections = [], []
    try:
        for shape in shapes(options.shapes):
            check(server, shape, options.pg_url)
            ours = server.sql(shape).strip().rstrip(";")
            (our_plan, our_blocks), (best_plan, best_blocks) = (explained(options.pg_url, sql) for sql in (ours, shape.best))
            our_ms, best_ms = times(options.pg_url, (ours, shape.best), options.seconds)
            rows.append(f"| [{shape.name}](#{shape.name}) | {shape.title} | {our_ms:.3f} | {best_ms:.3f} | {best_ms / our_ms:.2f} | {our_blocks:,} | {best_blocks:,} |")
            print(rows[-1], flush=True)
            asked = f"As role `{shape.session['x-hasura-role']}`.\n\n" if shape.session else ""
            sections.append(f"## {shape.name}\n\n{shape.title}. {asked}\n\n```graphql\n{shape.query}\n```\n\nOurs:\n\n```sql\n{wrapped(ours)}\n```\n\n```text\n{our_plan}\n```\n\n"
                            f"By hand{': ' + shape.why if shape.why else ''}\n\n```sql\n{shape.best}\n```\n\n```text\n{best_plan}\n```\n")
    finally:
        server.stop()
    if options.shapes:
        return
    version = psql(options.pg_url, "SHOW server_version").split()[0]
    intro = open(os.path.join(HERE, "plans.head.md")).read().replace("{version}", version)
    table = "| shape | | ours ms | by hand ms | by hand / ours | our blocks | by hand's |\n|---|---|---|---|---|---|---|\n" + "\n".join(rows)
    page = re.sub(r"\n{3,}", "\n\n", f"{intro}\n{table}\n\n" + "\n".join(sections))
    open(PAGE, "w").write(page.rstrip() + "\n")


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wrk(server, shape, clients, seconds):
    """(requests per second, microseconds of the server's CPU per request)"""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write('wrk.method = "POST"\n')
        for name, value in server.headers(shape.session).items():
            script.write(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n")
        script.write(f"wrk.body = {json.dumps(json.dumps({'query': shape.query}))}\n")
        script.flush()
        before = cpu_s(server.process.pid)
        address = f"http://127.0.0.1:{server.port}/v1/graphql"
        done = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "-s", script.name, address], capture_output=True, text=True)
        spent = cpu_s(server.process.pid) - before
    count = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    if "Non-2xx" in done.stdout or not count:
        sys.exit(f"{shape.name}: {done.stdout}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1)), spent / count * 1e6


def run(options):
    server = Server(options.bin, options.pg_url)
    print("| shape | connections | by hand, pgbench req/s | server req/s | ratio | server CPU µs/req |\n|---|---|---|---|---|---|")
    try:
        for shape in shapes(options.shapes):
            check(server, shape, options.pg_url)
            for clients in options.connections:
                limit = pgbench(options.pg_url, shape.best, clients, options.seconds)[1]
                rate, cpu = wrk(server, shape, clients, options.seconds)
                print(f"| {shape.name} | {clients} | {limit:,.0f} | {rate:,.0f} | {rate / limit:.2f} | {cpu:,.0f} |", flush=True)
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["load", "plans", "run"])
    parser.add_argument("--pg-url", required=True, help="postgres://… of the blog's database, with a user who may create databases")
    parser.add_argument("--bin", help="the server's binary")
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=[], help="only those whose names hold one of these")
    parser.add_argument("--connections", type=lambda text: [int(part) for part in text.split(",")], default=[1, 8, 32])
    parser.add_argument("--seconds", type=int, default=2, help="per measurement")
    options = parser.parse_args()
    if options.task == "load":
        psql(options.pg_url, file=os.path.join(HERE, "blog.sql"))
    elif not options.bin:
        parser.error("--bin is missing")
    else:
        {"plans": plans, "run": run}[options.task](options)


if __name__ == "__main__":
    main()

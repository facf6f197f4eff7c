#!/usr/bin/env python3
"""Live queries: so many sockets on so many shapes, while rows change at a rate.

  live.py --pg-url URL --bin PATH [--subscribers 1000,10000] [--shapes 1] [--equal 1] [--interval 1.37] [--seconds 15]

Each subscriber has a socket of its own. `--equal K` has K of them ask for the same row, so that they share a result. Every
`--interval` seconds one statement changes the rows of all of them (`--changed` is the part of them that it changes). Told
are: what a subscriber costs in memory; CPU of the server and of Postgres' sessions, in cores, while nothing changes and
while it does; statements and the time spent in them; and how long after the commit a result is there. `--pg-url` names a
server, the database `bench_live` is made in it and dropped. The clients are processes of their own (`--clients`), and take
their part of the machine: on a small one they are what is slow, unless `--subscribers-bin` names those that are not
(`cargo build --release -p graphloom-testkit --example subscribers`; `--per-socket` is theirs). Needs psql, Linux, and Python 3.9 with nothing else.
"""
import argparse, base64, json, multiprocessing, os, resource, select, socket, struct, subprocess, sys, time

from bench import SECRET, Server, cpu_s, psql, sibling

DATABASE = "bench_live"
TABLE = {"schema": "public", "name": "counters"}
PATIENCE_S = 120


def masked(message):
    data = json.dumps(message).encode()
    head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else bytes([0x81, 0xFE]) + struct.pack(">H", len(data))
    return head + b"\0\0\0\0" + data  # an all-zero mask is a mask


PONG = masked({"type": "pong"})


class Client:
    """One socket with one subscription."""

    def __init__(self, port, row, shape):
        self.buffer = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /v1/graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                             f"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(4096)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head:
            raise RuntimeError(head.decode(errors="replace"))
        query = f"subscription ($id: Int!) {{ counters_by_pk(id: $id) {{ id s{shape}: id value }} }}"
        self.socket.sendall(masked({"type": "connection_init", "payload": {"headers": {"x-hasura-admin-secret": SECRET}}})
                            + masked({"id": "1", "type": "subscribe", "payload": {"query": query, "variables": {"id": row}}}))
        self.socket.setblocking(False)

    def values(self):
        """The values in what has come."""
        try:
            came = self.socket.recv(65536)
        except BlockingIOError:
            return []
        if not came:
            raise RuntimeError("the server has closed a socket")
        self.buffer += came
        found, at = [], 0
        while len(self.buffer) - at >= 2:
            size, start = self.buffer[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(self.buffer[at + 2:at + 4], "big"), at + 4
            if len(self.buffer) < start + size:
                break
            message, at = self.buffer[start:start + size], start + size
            if b'"type":"next"' in message:
                found.append(int(message.rsplit(b'"value":', 1)[1].rstrip(b"}")))
            elif b'"ping"' in message:
                self.socket.send(PONG)
            elif b'"connection_ack"' not in message:
                raise RuntimeError(message.decode(errors="replace"))
        self.buffer = self.buffer[at:]
        return found


def follow(port, subscribers, pipe):
    """Opens these subscriptions, tells when all have a result, collects what comes until told to stop."""
    clients, poll = {}, select.epoll()
    seen, results = set(), []

    def read(timeout):
        for number, _ in poll.poll(timeout):
            now = time.time()
            for value in clients[number].values():
                results.append((value, now))
                seen.add(number)

    for row, shape in subscribers:
        client = Client(port, row, shape)
        clients[client.socket.fileno()] = client
        poll.register(client.socket.fileno(), select.EPOLLIN)
        read(0)
    while len(seen) < len(subscribers):
        read(1)
    pipe.send("ready")
    while not pipe.poll():
        read(0.05)
    pipe.send([result for result in results if result[0] > 0])


class Worker:
    """A process of Python with some of the subscribers."""

    def __init__(self, port, subscribers):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=follow, args=(port, subscribers, theirs))
        self.process.start()

    def is_ready(self):
        return self.pipe.poll(PATIENCE_S) and self.pipe.recv() == "ready"

    def stop(self):
        self.pipe.send("stop")
        return self.pipe.recv()


class Light:
    """All subscribers in one process that costs next to nothing: crates/testkit/examples/subscribers.rs."""

    def __init__(self, options, port, count, rows):
        parts = [port, SECRET, count // options.per_socket, options.per_socket, rows, options.shapes]
        command = [options.subscribers_bin, *map(str, parts)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def is_ready(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        return bool(ready) and self.process.stdout.readline() == "ready\n"

    def stop(self):
        told, _ = self.process.communicate("stop\n")
        results = (line.split() for line in told.splitlines())
        return [(int(value), float(at)) for value, at in results if value != "0"]


class Writer:
    """One session that changes rows."""

    def __init__(self, url):
        command = ["psql", "-X", "-q", "-At", "-d", url]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def change(self, value, rows):
        """Returns when it is committed."""
        self.process.stdin.write(f"UPDATE counters SET value = {value} WHERE id <= {rows};\n\\echo done\n")
        self.process.stdin.flush()
        self.process.stdout.readline()
        return time.time()


class Meter:
    """CPU and counters between two moments."""

    def __init__(self, server, url):
        self.server, self.url = server, url
        self.start()

    def start(self):
        self.before, self.since = self.read(), time.time()

    def read(self):
        pids = psql(self.url, f"SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()")
        sessions = {}
        for pid in pids.split():
            try:
                sessions[pid] = cpu_s(pid)
            except FileNotFoundError:
                pass
        ekg = self.server.get("/dev/ekg")
        return cpu_s(self.server.process.pid), sessions, {name: value["val"] for name, value in ekg.items()}

    def stop(self):
        (server, sessions, counters), took = self.read(), time.time() - self.since
        before = self.before[1]
        spent = sum(cpu - before.get(pid, 0) for pid, cpu in sessions.items())
        counted = {name: counters[name] - self.before[2][name] for name in counters}
        return {
            "server_cores": (server - self.before[0]) / took,
            "postgres_cores": spent / took,
            "statements_per_s": counted["subscription_batches"] / took,
            "statement_time_per_s": counted["subscription_batch_microseconds"] / 1e6 / took,
        }


class LiveServer(Server):
    environment = {"HASURA_GRAPHQL_ENABLED_APIS": "graphql,metadata,developer", "GRAPHLOOM_MAX_CONNECTIONS": "100000"}

    def metadata(self):
        source = {"name": "default", "kind": "postgres", "tables": [{"table": TABLE}],
                  "configuration": {"connection_info": {"database_url": {"from_env": "HASURA_GRAPHQL_DATABASE_URL"}}}}
        return {"version": 3, "sources": [source]}


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def measured(options, url, count):
    rows = max(1, count // options.equal)
    psql(url, f"TRUNCATE counters; INSERT INTO counters SELECT i, 0 FROM generate_series(1, {rows}) i")
    psql(url, "VACUUM ANALYZE counters")
    server = LiveServer(options.bin, url)
    workers = []
    try:
        # A first request makes what every server has, subscribers or not.
        server.post("/v1/graphql", {"query": "{ counters_by_pk(id: 1) { id } }"})
        resident, started = resident_kib(server.process.pid), time.time()
        subscribers = [(1 + index % rows, index % options.shapes) for index in range(count)]
        for number in range(1 if options.subscribers_bin else options.clients):
            if options.subscribers_bin:
                workers.append(Light(options, server.port, count, rows))
            else:
                workers.append(Worker(server.port, subscribers[number::options.clients]))
        for worker in workers:
            if not worker.is_ready():
                sys.exit("not all subscribers have a first result")
        ready = time.time() - started
        time.sleep(3)
        kib = (resident_kib(server.process.pid) - resident) / count
        meter = Meter(server, url)
        time.sleep(options.seconds)
        idle = meter.stop()
        writer, commits = Writer(url), {}
        meter.start()
        end = time.time() + options.seconds
        while time.time() < end:
            start = time.time()
            commits[len(commits) + 1] = writer.change(len(commits) + 1, int(rows * options.changed))
            time.sleep(max(0, options.interval - (time.time() - start)))
        busy = meter.stop()
        time.sleep(3)
        results = []
        for worker in workers:
            results += worker.stop()
    finally:
        for worker in workers:
            worker.process.terminate()
        server.stop()
    late = sorted(at - commits[value] for value, at in results)
    changed = sum(1 for row, _ in subscribers if row <= int(rows * options.changed))
    told = {
        "subscribers": count, "ready_s": ready, "kib_per_subscriber": kib,
        "idle": idle, "busy": busy, "results": len(results), "changes": changed * len(commits),
    }
    if late:
        told["latency_s"] = {name: late[int((len(late) - 1) * part)] for name, part in (("p50", .5), ("p99", .99), ("max", 1))}
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pg-url", required=True, help="postgres://… of any database, with a user who may create databases")
    parser.add_argument("--bin", required=True, help="the server's binary")
    parser.add_argument("--subscribers", type=lambda text: [int(part) for part in text.split(",")], default=[1000, 10000])
    parser.add_argument("--shapes", type=int, default=1, help="different subscriptions")
    parser.add_argument("--equal", type=int, default=1, help="subscribers of the same row")
    parser.add_argument("--interval", type=float, default=1.37, help="seconds between two changes; not in step with the polls")
    parser.add_argument("--changed", type=float, default=1, help="part of the rows that a change is of")
    parser.add_argument("--seconds", type=float, default=15, help="per measurement")
    parser.add_argument("--clients", type=int, default=2, help="processes that subscribe")
    parser.add_argument("--subscribers-bin", help="the light subscribers' binary, for more than a few thousand")
    parser.add_argument("--per-socket", type=int, default=1, help="subscriptions of a socket, with --subscribers-bin")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    url = sibling(options.pg_url, DATABASE)
    psql(options.pg_url, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    psql(options.pg_url, f"CREATE DATABASE {DATABASE}")
    try:
        psql(url, "CREATE TABLE counters (id int PRIMARY KEY, value int NOT NULL) WITH (fillfactor = 50)")
        for count in options.subscribers:
            told = measured(options, url, count)
            print(json.dumps(told, indent=1, default=str))
    finally:
        psql(options.pg_url, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


if __name__ == "__main__":
    main()

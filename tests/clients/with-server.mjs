// Starts `graphloom dev` for a command and stops it afterwards:
//   node with-server.mjs target/release/graphloom -- node audit.mjs
// The server has a new data directory, an admin secret and a free port; the command finds it by
// GRAPHLOOM_URL and GRAPHLOOM_ADMIN_SECRET. The exit code is the command's, or 1.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 300_000;

const [binary, dashes, ...command] = process.argv.slice(2);
if (dashes !== '--' || command.length === 0) {
  console.error('usage: node with-server.mjs BINARY -- COMMAND…');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'graphloom-clients-'));
const log = join(folder, 'log');
const secret = randomUUID();
const url = `http://127.0.0.1:${await freePort()}`;
const server = start();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupted);
let running;
let code = 1;
try {
  await healthy();
  code = await run();
} catch (error) {
  console.error(error.message);
} finally {
  await stop();
  if (code !== 0) console.error(`the server's log:\n${readFileSync(log, 'utf8').slice(-20_000)}`);
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = code;

function start() {
  const output = openSync(log, 'w');
  const port = new URL(url).port;
  const args = ['dev', '--data-dir', join(folder, 'data'), '--server-port', port];
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    HASURA_GRAPHQL_ADMIN_SECRET: secret,
    // As v2, a source's naming convention counts only behind its feature.
    HASURA_GRAPHQL_EXPERIMENTAL_FEATURES: 'naming_convention',
    // Clients that offer it get it, others do not notice.
    HASURA_GRAPHQL_CONNECTION_COMPRESSION: 'true',
  };
  return spawn(binary, args, { env, stdio: ['ignore', output, output] });
}

async function healthy() {
  let failure;
  server.on('error', (error) => (failure = error));
  for (const end = Date.now() + START_TIMEOUT_MS; Date.now() < end; await pause(100)) {
    if (failure) throw failure;
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
  }
  throw new Error(`the server did not answer within ${START_TIMEOUT_MS} ms`);
}

function run() {
  const env = { ...process.env, GRAPHLOOM_URL: url, GRAPHLOOM_ADMIN_SECRET: secret };
  const child = spawn(command[0], command.slice(1), { env, stdio: 'inherit', detached: true });
  running = child;
  return new Promise((resolve, reject) => {
    // The whole group: a command such as npm has children of its own.
    const timer = setTimeout(() => {
      console.error(`${command.join(' ')}: not done within ${COMMAND_TIMEOUT_MS} ms`);
      killGroup(child);
    }, COMMAND_TIMEOUT_MS);
    child.on('error', reject);
    child.on('exit', (status) => {
      clearTimeout(timer);
      resolve(status ?? 1);
    });
  });
}

/** Ends what was started; the rest follows from that. */
function interrupted() {
  if (running) killGroup(running);
  else server.kill('SIGTERM');
}

function killGroup(child) {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
}

async function stop() {
  if (server.pid === undefined || server.exitCode !== null) return;
  const ended = new Promise((resolve) => server.on('exit', resolve));
  server.kill('SIGTERM');
  const timer = setTimeout(() => server.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

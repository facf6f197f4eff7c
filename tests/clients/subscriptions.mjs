// Subscriptions as the clients that people use read them, over both websocket protocols and server-sent events:
//   GRAPHLOOM_URL=http://127.0.0.1:8080 GRAPHLOOM_ADMIN_SECRET=… node subscriptions.mjs
// It makes a schema `live` in the source `default` and tracks a table in it. Exit code 0, or 1 and what went wrong.

import assert from 'node:assert/strict';
import { ApolloClient, ApolloLink, gql, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient as createUrql, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient as createSse } from 'graphql-sse';
import { createClient as createWs } from 'graphql-ws';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import WebSocket from 'ws';

// No measure of speed: only what hangs takes so long.
const PATIENCE_MS = 60_000;

const base = (process.env.GRAPHLOOM_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
const secret = process.env.GRAPHLOOM_ADMIN_SECRET;
const http = `${base}/v1/graphql`;
const socket = http.replace(/^http/, 'ws');
const admin = secret ? { 'x-hasura-admin-secret': secret } : {};
const ada = { ...admin, 'x-hasura-role': 'user', 'x-hasura-user-id': 'ada' };

const OWN = 'subscription Own { live_notes(order_by: {id: asc}) { id text } }';
const STREAM = 'subscription Rows { live_notes_stream(batch_size: 1, cursor: {initial_value: {id: 0}}) { id } }';
const INVALID = 'subscription { live_nothing { id } }';
const SET = 'mutation Set($text: String!) { update_live_notes_by_pk(pk_columns: {id: 1}, _set: {text: $text}) { id } }';

const notes = (text) => ({ live_notes: [{ id: 1, text }] });
const changed = { update_live_notes_by_pk: { id: 1 } };
const invalid = {
  message: "field 'live_nothing' not found in type: 'subscription_root'",
  extensions: { path: '$.selectionSet.live_nothing', code: 'validation-failed' },
};

async function post(path, body) {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...admin },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
}

async function loadWorld() {
  const sql = `DROP SCHEMA IF EXISTS live CASCADE; CREATE SCHEMA live;
    CREATE TABLE live.notes (id int PRIMARY KEY, owner text NOT NULL, text text NOT NULL);
    INSERT INTO live.notes VALUES (1, 'ada', 'first'), (2, 'bob', 'second');`;
  await post('/v2/query', { type: 'run_sql', args: { source: 'default', sql } });
  const table = { schema: 'live', name: 'notes' };
  await post('/v1/metadata', { type: 'pg_track_table', args: { source: 'default', table } });
  const owner = { owner: { _eq: 'X-Hasura-User-Id' } };
  for (const [type, permission] of [
    ['pg_create_select_permission', { columns: ['id', 'text'], filter: owner }],
    ['pg_create_update_permission', { columns: ['text'], filter: owner }],
  ]) {
    await post('/v1/metadata', { type, args: { source: 'default', table, role: 'user', permission } });
  }
}

/** What comes, in order; `next()` waits for it. `subscribe(sink)` returns what ends it. */
function collect(subscribe) {
  const waiting = [];
  let wake = () => {};
  const put = (kind) => (value) => {
    waiting.push({ kind, value });
    wake();
  };
  const end = subscribe({ next: put('next'), error: put('error'), complete: put('complete') });
  const next = async (kind = 'next') => {
    const deadline = Date.now() + PATIENCE_MS;
    while (waiting.length === 0) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no ${kind} within ${PATIENCE_MS} ms`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => (clearTimeout(timer), resolve());
      });
    }
    const { kind: came, value } = waiting.shift();
    assert.equal(came, kind, `${came} ${JSON.stringify(value)}`);
    return value;
  };
  return { next, end: () => (end.unsubscribe ?? end).call(end) };
}

const collectFrom = (client, payload) => collect((sink) => client.subscribe(payload, sink));

/** The same course for every client: `subscribe(query)` collects data, `change(text)` runs the mutation. */
async function course(name, { subscribe, change }) {
  const own = subscribe(OWN);
  let text = (await own.next()).live_notes[0].text;
  for (const round of ['one', 'two']) {
    text = `${name}, ${round}`;
    assert.deepEqual(plain(await change(text)), changed);
    assert.deepEqual(plain(await own.next()), notes(text));
  }
  own.end();
  // Who joins is told the current result.
  const again = subscribe(OWN);
  assert.deepEqual(plain(await again.next()), notes(text));
  again.end();
  const rows = subscribe(STREAM);
  assert.deepEqual(plain(await rows.next()), { live_notes_stream: [{ id: 1 }] });
  rows.end();
}

/** Without what clients add: prototypes and `__typename`. */
const plain = (value) => JSON.parse(JSON.stringify(value, (key, inner) => (key === '__typename' ? undefined : inner)));

const wsOptions = (headers, more = {}) => ({
  url: socket,
  webSocketImpl: WebSocket,
  connectionParams: { headers },
  retryAttempts: 0,
  ...more,
});

const clients = {
  async 'graphql-ws'(name) {
    let pongs = 0;
    const on = { pong: () => (pongs += 1) };
    const client = createWs(wsOptions(ada, { on, keepAlive: 200 }));
    const data = (query) => {
      const collected = collectFrom(client, { query });
      return { ...collected, next: async () => (await collected.next()).data };
    };
    const change = async (text) => {
      const answer = collectFrom(client, { query: SET, variables: { text } });
      const { data } = await answer.next();
      await answer.next('complete');
      return data;
    };
    await course(name, { subscribe: data, change });
    const refused = collectFrom(client, { query: INVALID });
    assert.deepEqual(plain(await refused.next('error')), [invalid]);
    // The client asks whether the server is there, and is told so.
    const quiet = data(OWN);
    await quiet.next();
    for (const end = Date.now() + PATIENCE_MS; pongs === 0; await pause(20)) assert(Date.now() < end, 'no pong');
    await client.dispose();
  },

  // The package ws offers compression by itself, and compresses what is as long as this.
  async 'graphql-ws, compressed'() {
    const opened = [];
    class Noted extends WebSocket {
      constructor(...args) {
        super(...args);
        opened.push(this);
      }
    }
    const client = createWs(wsOptions(ada, { webSocketImpl: Noted }));
    const own = collectFrom(client, { query: OWN });
    await own.next();
    const text = 'long '.repeat(10_000);
    const answer = collectFrom(client, { query: SET, variables: { text } });
    assert.deepEqual((await answer.next()).data, changed);
    assert.deepEqual((await own.next()).data, notes(text));
    assert.match(opened[0].extensions, /^permessage-deflate/);
    await client.dispose();
  },

  async 'graphql-ws refused'() {
    const client = createWs(wsOptions({ 'x-hasura-admin-secret': 'wrong' }));
    const { code, reason } = await collectFrom(client, { query: OWN }).next('error');
    assert.equal(code, 4403);
    assert.equal(reason, '{"server_error_msg":"4403: Forbidden"}');
  },

  // Sockets are closed with 1012 when metadata changes, and this client comes back by itself.
  async 'graphql-ws across a change of metadata'() {
    const closes = [];
    const on = { closed: ({ code }) => closes.push(code) };
    const client = createWs(wsOptions(ada, { on, retryAttempts: 5, retryWait: () => pause(50) }));
    const own = collectFrom(client, { query: OWN });
    const { data } = await own.next();
    const args = { source: 'default', table: { schema: 'live', name: 'notes' }, role: 'user', comment: 'changed' };
    await post('/v1/metadata', { type: 'pg_set_permission_comment', args: { ...args, type: 'select' } });
    assert.deepEqual((await own.next()).data, data);
    assert.deepEqual(closes, [1012]);
    await client.dispose();
  },

  async 'subscriptions-transport-ws'(name) {
    const client = new SubscriptionClient(socket, { connectionParams: { headers: ada } }, WebSocket);
    const run = (request) => collect((sink) => client.request(request).subscribe(sink));
    const subscribe = (query) => {
      const collected = run({ query });
      return { ...collected, next: async () => (await collected.next()).data };
    };
    const change = async (text) => {
      const answer = run({ query: SET, variables: { text } });
      const { data } = await answer.next();
      await answer.next('complete');
      return data;
    };
    await course(name, { subscribe, change });
    const refused = await run({ query: INVALID }).next('error');
    assert.deepEqual(plain(refused), invalid);
    client.close();
  },

  async 'subscriptions-transport-ws refused'() {
    const headers = { 'x-hasura-admin-secret': 'wrong' };
    const told = await new Promise((resolve) => {
      const connectionCallback = (error) => resolve(error);
      const options = { connectionParams: { headers }, connectionCallback };
      new SubscriptionClient(socket, options, WebSocket);
    });
    assert.equal(told, 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"');
  },

  async 'Apollo Client'(name) {
    const ws = createWs(wsOptions(ada));
    const link = ApolloLink.from([new GraphQLWsLink(ws)]);
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const subscribe = (query) => {
      const collected = collect((sink) => client.subscribe({ query: gql(query) }).subscribe(sink));
      return { ...collected, next: async () => (await collected.next()).data };
    };
    const change = async (text) => (await client.mutate({ mutation: gql(SET), variables: { text } })).data;
    await course(name, { subscribe, change });
    const refused = collect((sink) => client.subscribe({ query: gql(INVALID) }).subscribe(sink));
    assert.equal((await refused.next()).error.errors[0].message, invalid.message);
    client.stop();
    await ws.dispose();
  },

  async 'urql'(name) {
    const ws = createWs(wsOptions(ada));
    const forwardSubscription = (request) => ({
      subscribe: (sink) => ({ unsubscribe: ws.subscribe({ ...request, query: request.query ?? '' }, sink) }),
    });
    await urql(name, [subscriptionExchange({ forwardSubscription }), fetchExchange], {});
    await ws.dispose();
  },

  async 'urql over server-sent events'(name) {
    await urql(name, [fetchExchange], { fetchSubscriptions: true });
  },

  async 'graphql-sse'(name) {
    const client = createSse({ url: http, headers: ada, retryAttempts: 0 });
    const subscribe = (query) => {
      const collected = collectFrom(client, { query });
      return { ...collected, next: async () => (await collected.next()).data };
    };
    const change = async (text) => {
      const answer = collectFrom(client, { query: SET, variables: { text } });
      const { data } = await answer.next();
      await answer.next('complete');
      return data;
    };
    await course(name, { subscribe, change });
    const refused = collectFrom(client, { query: INVALID });
    assert.deepEqual(plain((await refused.next()).errors), [invalid]);
    await refused.next('complete');
    client.dispose();
  },

  async 'graphql-sse refused'() {
    const headers = { 'x-hasura-admin-secret': 'wrong' };
    const client = createSse({ url: http, headers, retryAttempts: 0 });
    const error = await collectFrom(client, { query: OWN }).next('error');
    assert.equal(error.response.status, 401);
  },
};

async function urql(name, exchanges, options) {
  const client = createUrql({
    url: http,
    exchanges,
    preferGetMethod: false,
    fetchOptions: { headers: ada },
    ...options,
  });
  const run = (query) => collect((sink) => client.subscription(query, {}).subscribe(sink.next));
  const subscribe = (query) => {
    const collected = run(query);
    return { ...collected, next: async () => (await collected.next()).data };
  };
  const change = async (text) => (await client.mutation(SET, { text }).toPromise()).data;
  await course(name, { subscribe, change });
  const refused = await run(INVALID).next();
  assert.equal(refused.error.graphQLErrors[0].message, invalid.message);
}

// Apollo Client looks for it by name, as browsers have it.
globalThis.WebSocket ??= WebSocket;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await loadWorld();
let failed = 0;
for (const [name, check] of Object.entries(clients)) {
  try {
    await check(name);
    console.log(`subscriptions: ${name}: ok`);
  } catch (error) {
    console.error(`subscriptions: ${name}:`, error);
    failed += 1;
  }
}
process.exit(failed > 0 ? 1 : 0);

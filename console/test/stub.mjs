// A stand-in for the engine, so that the page can be tested where there is none: serves dist/ as the
// Rust server does, below a path prefix, and answers a small schema with an engine's words when the
// admin secret is wrong. It also has what the engine cannot be asked for: an exact big number on
// demand. Used by page.mjs; also `node test/stub.mjs` to look at the page.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { buildSchema, graphql } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const dist = new URL('../dist/', import.meta.url);
const policy = readFileSync(new URL('../content-security-policy.txt', import.meta.url), 'utf8').trim();

const TYPES = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

const schema = buildSchema(`
  "A number JavaScript cannot hold."
  scalar bigint
  type query_root { "Fetch authors." authors(limit: Int): [authors!]!, exact: bigint! }
  "People who write articles."
  type authors { id: Int!, name: String!, articles: [articles!]! }
  type articles { id: Int!, title: String! }
  type subscription_root { authors_stream: [authors!]! }
  schema { query: query_root, subscription: subscription_root }
`);
// Written as a string and stripped of its quotes on the way out: JSON.stringify cannot do it.
schema.getType('bigint').serialize = (value) => `@${value}@`;
const print = (result) => JSON.stringify(result).replace(/"@([\d.]+)@"/g, '$1');

const authors = [
  { id: 1, name: 'Ada', articles: [{ id: 1, title: 'Notes on the engine' }] },
  { id: 2, name: 'Jacquard', articles: [{ id: 2, title: 'Cards for the loom' }] },
];
const rootValue = {
  authors: ({ limit }) => authors.slice(0, limit ?? undefined),
  exact: '9007199254740993.10',
  authors_stream: async function* stream() {
    yield { authors_stream: authors };
    await new Promise(() => {});
  },
};

function refusal(secret, sent) {
  if (sent === secret) {
    return undefined;
  }
  const message =
    sent === undefined
      ? 'x-hasura-admin-secret/x-hasura-access-key required, but not found'
      : 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"';
  return { errors: [{ extensions: { path: '$', code: 'access-denied' }, message }] };
}

function sendAsset(response, path) {
  try {
    const body = readFileSync(new URL(`${path}.gz`, dist));
    response.writeHead(200, {
      'content-type': TYPES[path.split('.').at(-1)] ?? 'application/octet-stream',
      'content-encoding': 'gzip',
      'cache-control': path.startsWith('assets/')
        ? 'public, max-age=31536000, immutable'
        : 'no-cache',
      'content-security-policy': policy,
    });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

async function answer(request, response, secret) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  const { query, variables, operationName } = JSON.parse(Buffer.concat(chunks).toString());
  const result =
    refusal(secret, request.headers['x-hasura-admin-secret']) ??
    (await graphql({
      schema,
      source: query,
      rootValue,
      variableValues: variables,
      operationName,
    }));
  response.writeHead(200, { 'content-type': 'application/json' }).end(print(result));
}

/** Starts the stub on a free port (or `port`) and gives `{ url, close }`. */
export async function startStub({ secret, prefix = '', port = 0 }) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://stub').pathname;
    if (path === `${prefix}/v1/graphql`) {
      void answer(request, response, secret);
    } else if (path === `${prefix}/`) {
      response.writeHead(302, { location: 'console/' }).end();
    } else if (path === `${prefix}/console`) {
      response.writeHead(302, { location: 'console/' }).end();
    } else if (path.startsWith(`${prefix}/console/`)) {
      sendAsset(response, path.slice(`${prefix}/console/`.length) || 'index.html');
    } else {
      response.writeHead(404).end();
    }
  });
  const sockets = new WebSocketServer({ server, path: `${prefix}/v1/graphql` });
  useServer(
    {
      schema,
      roots: { query: rootValue, subscription: rootValue },
      onConnect: ({ connectionParams }) =>
        refusal(secret, connectionParams?.headers?.['x-hasura-admin-secret']) === undefined,
    },
    sockets,
  );
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${prefix}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startStub({ secret: 'secret', port: Number(process.env.PORT ?? 0) });
  console.log(`${url}/console with the admin secret "secret"`);
}

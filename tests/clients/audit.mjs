// The audit of the GraphQL-over-HTTP specification against a running server:
//   GRAPHLOOM_URL=http://127.0.0.1:8080 GRAPHLOOM_ADMIN_SECRET=… node audit.mjs
// What fails must be listed in audit-exceptions.json with its reason, and what is listed must fail:
// exit code 0, or 1 and the differences. docs/graphql-over-http.md explains the exceptions to users.

import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { serverAudits } from 'graphql-http';

const base = (process.env.GRAPHLOOM_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
const secret = process.env.GRAPHLOOM_ADMIN_SECRET;
const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
const exceptions = JSON.parse(read('audit-exceptions.json'));

const auditsWith = (defaults) =>
  serverAudits({
    url: `${base}/v1/graphql`,
    // Like any client: it authenticates, which also satisfies the guard of GET.
    fetchFn: (url, init = {}) =>
      fetch(url, {
        ...init,
        headers: { 'graphql-require-preflight': '1', ...asAdmin(), ...defaults, ...init.headers },
      }),
  });
const modern = { accept: 'application/graphql-response+json' };
const audits = auditsWith({});

function asAdmin() {
  return secret ? { 'x-hasura-admin-secret': secret } : {};
}

const problems = [];
let passed = 0;
for (const audit of audits) {
  const result = await audit.fn();
  const excepted = exceptions[audit.id];
  if (result.status === 'ok') {
    passed += 1;
    if (excepted) problems.push(`${audit.id} passes now: remove its exception`);
  } else if (!excepted) {
    problems.push(`${audit.id} ${audit.name}: ${result.status}, ${result.reason}`);
  }
}
// Only plain JSON is excepted. (BCF8 asks for it by name; B7N8 is its like for the other.)
for (const audit of auditsWith(modern).filter(({ id }) => id in exceptions && id !== 'BCF8')) {
  const result = await audit.fn();
  if (result.status !== 'ok') {
    problems.push(`${audit.id} as ${modern.accept}: ${result.status}, ${result.reason}`);
  }
}
const known = new Set(audits.map((audit) => audit.id));
const documented = read('../../docs/graphql-over-http.md');
for (const id of Object.keys(exceptions)) {
  if (!known.has(id)) problems.push(`${id} is an exception to no audit`);
  if (!documented.includes(`\`${id}\``)) problems.push(`${id} is not in docs/graphql-over-http.md`);
}

// What the audit leaves out, since it knows no session and sends no mutation that could work.
const graphql = (headers, parameters) =>
  fetch(`${base}/v1/graphql${parameters ? `?${new URLSearchParams(parameters)}` : ''}`, { headers });
const guarded = { ...modern, ...asAdmin(), 'graphql-require-preflight': '1' };
const expectStatus = async (what, expected, response) => {
  const { status } = await response;
  if (status !== expected) problems.push(`${what}: status ${status} instead of ${expected}`);
};
await expectStatus('a query by GET', 200, graphql(guarded, { query: '{ __typename }' }));
await expectStatus('a mutation by GET', 405, graphql(guarded, { query: 'mutation { __typename }' }));
await expectStatus(
  'a mutation by GET among queries',
  405,
  graphql(guarded, { query: 'query Q { __typename } mutation M { __typename }', operationName: 'M' }),
);
// Not by fetch, which says itself how it fetches.
await expectStatus(
  'an image in a page of another site',
  403,
  new Promise((resolve, reject) => {
    const headers = { ...guarded, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
    const request = get(`${base}/v1/graphql?query=%7B__typename%7D`, { headers }, (response) => {
      response.resume();
      resolve({ status: response.statusCode });
    });
    request.on('error', reject);
  }),
);
if (secret) {
  await expectStatus('a request without credentials', 401, graphql(modern, { query: '{ __typename }' }));
}

console.log(`audit: ${passed} of ${audits.length} pass, ${Object.keys(exceptions).length} exceptions`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

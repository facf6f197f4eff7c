// The console in a real browser, as a user sees it. Against an engine:
//   GRAPHLOOM_URL=http://127.0.0.1:8080 GRAPHLOOM_ADMIN_SECRET=… node test/page.mjs
// Without GRAPHLOOM_URL it starts stub.mjs. README.md has the other variables. Exit code 0 and a
// list of what was checked, or 1 and the first thing that was wrong.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startStub } from './stub.mjs';

const env = process.env;
const stub =
  env.GRAPHLOOM_URL === undefined
    ? await startStub({ secret: 'stub-secret', prefix: '/deep/prefix' })
    : undefined;
const base = (stub?.url ?? env.GRAPHLOOM_URL).replace(/\/$/, '');
const secret = stub ? 'stub-secret' : (env.GRAPHLOOM_ADMIN_SECRET ?? '');
const query =
  env.GRAPHLOOM_QUERY ?? (stub ? 'query Q { authors(limit: 1) { name } exact }' : '{ __typename }');
const expected =
  env.GRAPHLOOM_EXPECTED ??
  (stub
    ? '{"data":{"authors":[{"name":"Ada"}],"exact":9007199254740993.10}}'
    : '{"data":{"__typename":"query_root"}}');
const subscription =
  env.GRAPHLOOM_SUBSCRIPTION ?? (stub ? 'subscription { authors_stream { name } }' : undefined);
const subscriptionExpected =
  env.GRAPHLOOM_SUBSCRIPTION_EXPECTED ??
  '{"data":{"authors_stream":[{"name":"Ada"},{"name":"Jacquard"}]}}';
const screenshots = env.GRAPHLOOM_SCREENSHOTS;
const policy = readFileSync(new URL('../content-security-policy.txt', import.meta.url), 'utf8').trim();

const DESK = { width: 1360, height: 800 };

/** Every URL the browser asked for, page, workers and sockets together. */
const asked = [];
const posts = [];
const socketFrames = [];
const complaints = [];
const checked = [];

const browser = await chromium.launch({
  executablePath: env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let page;
try {
  const context = await browser.newContext({
    viewport: DESK,
    colorScheme: 'light',
  });
  page = await context.newPage();
  watch(context, page);
  await run(context);
  for (const line of checked) {
    console.log(`ok  ${line}`);
  }
} catch (error) {
  console.error(error);
  console.error('complaints of the page:', complaints);
  await shoot('failure').catch(() => {});
  process.exitCode = 1;
} finally {
  await browser.close();
  stub?.close();
}

async function run(context) {
  const response = await page.goto(`${base}/`);
  assert.equal(page.url(), `${base}/console/`, 'the root leads to the console');
  assert.equal(response.headers()['content-security-policy'], policy);
  assert.equal(await page.title(), 'Graphloom');
  await page.locator('.graphiql-query-editor .view-lines').waitFor();
  done('the page loads, from the root, with the content security policy');

  if (secret !== '') {
    await signIn();
  }
  await docsShowTheSchema();
  await queryShowsItsResult();
  await workersMarkMistakes();
  await prettifyIndents();
  await roleAndHeadersAreSent();
  if (subscription !== undefined) {
    await subscriptionArrives();
  }
  await secretStaysInTheTab();
  await darkIsDark();
  await unreachableIsSaidInWords(context);

  const origin = new URL(base).host;
  const strangers = asked.filter((url) => !url.startsWith('data:') && new URL(url).host !== origin);
  assert.deepEqual(strangers, [], 'no request left the origin');
  done(`none of ${asked.length} requests left the origin`);
  assert.deepEqual(complaints, [], 'the page has nothing to complain about');
  done('no script error, no policy violation, no missing file');
}

async function signIn() {
  const dialog = page.getByRole('dialog', { name: 'Admin secret' });
  await dialog.waitFor();
  await shoot('secret');
  await dialog.getByLabel('Admin secret').fill('not the secret');
  await dialog.getByRole('button', { name: 'Use secret' }).click();
  await dialog.getByText('invalid "x-hasura-admin-secret"').waitFor();
  await shoot('secret-refused');
  await dialog.getByLabel('Admin secret').fill(secret);
  await dialog.getByRole('button', { name: 'Use secret' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Admin secret set', exact: true }).waitFor();
  await until(async () => (await textOf(resultPane())) === '');
  done('the secret is asked for, refused when wrong, taken when right');
}

async function docsShowTheSchema() {
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  const root = page.locator('.graphiql-doc-explorer').getByText('query_root').first();
  await root.click();
  await page.locator('.graphiql-doc-explorer-title', { hasText: 'query_root' }).waitFor();
  await shoot('docs');
  await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
  done('the documentation explorer shows query_root');
}

async function queryShowsItsResult() {
  await write('.graphiql-query-editor', query);
  await press('Execute');
  await showsResult(expected);
  await shoot('light');
  done(`the result of ${query} is on the page, digit for digit`);
}

/** A squiggle comes from the GraphQL worker: it runs, and under the policy. */
async function workersMarkMistakes() {
  await write('.graphiql-query-editor', 'query Wrong { no_such_field }');
  await page.locator('.graphiql-query-editor .squiggly-error').first().waitFor();
  await press('Execute');
  await until(async () => /"message"[^]*no_such_field/.test(await textOf(resultPane())));
  await write('.graphiql-query-editor', query);
  done('a wrong field is marked by the worker, and refused by the server in its words');
}

/** The printer of the JSON panes is our own (src/jsonc-printer.ts). */
async function prettifyIndents() {
  await page.getByRole('button', { name: 'Variables', exact: true }).click();
  await write('.graphiql-editor-tool', '{"a":{"b":1}, /* why */ "c":[]}');
  await write('.graphiql-query-editor', 'query P{__typename}');
  await page.getByRole('button', { name: 'Prettify query' }).click();
  await until(
    async () =>
      (await shownIn('.graphiql-query-editor')) === 'query P {\n  __typename\n}' &&
      (await shownIn('.graphiql-editor-tool')) ===
        '{\n  "a": {\n    "b": 1\n  }, /* why */\n  "c": []\n}',
  );
  await write('.graphiql-editor-tool', '');
  await write('.graphiql-query-editor', query);
  done('prettify indents the query and the variables');
}

async function roleAndHeadersAreSent() {
  const role = page.getByLabel('Role');
  await role.fill('somebody');
  await role.press('Enter');
  await until(() => posts.at(-1)?.headers['x-hasura-role'] === 'somebody');
  assert.match(posts.at(-1).body, /IntrospectionQuery/);
  await role.fill('');
  await role.press('Enter');
  await until(() => posts.at(-1)?.headers['x-hasura-role'] === undefined);

  await page.getByRole('button', { name: 'Headers', exact: true }).click();
  await write('.graphiql-editor-tool', '{"x-hasura-user-id": "4711"}');
  await press('Execute');
  await until(() => posts.at(-1)?.headers['x-hasura-user-id'] === '4711');
  await showsResult(expected);
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  assert.ok(kept.includes('tabState') && kept.includes('queries'), 'queries are kept');
  assert.ok(!kept.includes('4711'), 'headers are not kept unasked');
  await write('.graphiql-editor-tool', '');
  done('role and session headers are sent; headers are not kept');
}

async function subscriptionArrives() {
  await write('.graphiql-query-editor', subscription);
  await press('Execute');
  await showsResult(subscriptionExpected);
  const [init] = socketFrames.map((frame) => JSON.parse(frame));
  assert.equal(init.type, 'connection_init');
  if (secret !== '') {
    assert.equal(init.payload.headers['x-hasura-admin-secret'], secret);
  }
  await shoot('subscription');
  await press('Stop');
  await write('.graphiql-query-editor', query);
  done('a subscription arrives over the websocket');
}

async function secretStaysInTheTab() {
  const { local, session } = await page.evaluate(() => ({
    local: JSON.stringify({ ...localStorage }),
    session: JSON.stringify({ ...sessionStorage }),
  }));
  if (secret !== '') {
    assert.ok(!local.includes(secret), 'the secret is not in localStorage');
    assert.ok(session.includes(secret), 'the secret is in sessionStorage');
  }
  // GraphiQL keeps the text half a second after the last key.
  await until(() => page.evaluate((text) => Object.values(localStorage).includes(text), query));
  await page.reload();
  await page.locator('.graphiql-query-editor .view-lines').waitFor();
  await press('Execute');
  await showsResult(expected);
  assert.equal(await page.getByRole('dialog').count(), 0);
  done('after a reload of the tab the secret and the query are still there');

  if (secret !== '') {
    const dialog = page.getByRole('dialog', { name: 'Admin secret' });
    await page.getByRole('button', { name: 'Admin secret set', exact: true }).click();
    await dialog.getByText('Remember in this browser').click();
    await dialog.getByRole('button', { name: 'Use secret' }).click();
    await until(() => page.evaluate((s) => JSON.stringify({ ...localStorage }).includes(s), secret));
    await page.getByRole('button', { name: 'Admin secret set', exact: true }).click();
    await dialog.getByRole('button', { name: 'Forget' }).click();
    await dialog.getByText('asks for an admin secret').waitFor();
    const left = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert.ok(!left.includes(secret), 'a forgotten secret is nowhere');
    await dialog.getByLabel('Admin secret').fill(secret);
    await dialog.getByRole('button', { name: 'Use secret' }).click();
    await dialog.waitFor({ state: 'detached' });
    done('the secret is remembered on request, and forgotten on request');
  }
}

async function darkIsDark() {
  await page.emulateMedia({ colorScheme: 'dark' });
  await press('Execute');
  await showsResult(expected);
  const ground = await brightness('body', 'backgroundColor');
  const text = await brightness('.result-window .view-line span span', 'color');
  assert.ok(ground < 80 && text > 120, `text of brightness ${text} on a page of ${ground}`);
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await shoot('dark');
  await page.setViewportSize({ width: 620, height: 800 });
  await shoot('narrow');
  await page.setViewportSize(DESK);
  await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
  done('it follows the system into the dark');
}

async function unreachableIsSaidInWords(context) {
  await context.setOffline(true);
  await press('Execute');
  const notice = page.getByText('The server cannot be reached').and(page.locator('.gl-notice *'));
  await notice.waitFor();
  await shoot('unreachable');
  await context.setOffline(false);
  await press('Execute');
  await notice.waitFor({ state: 'detached' });
  await showsResult(expected);
  done('a server that cannot be reached is said in words, and no longer once it is back');
}

/** 0 black to 255 white. */
async function brightness(selector, property) {
  const colour = await page
    .locator(selector)
    .first()
    .evaluate((element, name) => getComputedStyle(element)[name], property);
  const [red, green, blue] = colour.match(/\d+/g).map(Number);
  return (red + green + blue) / 3;
}

/** Replaces the content of a Monaco editor as typing would. */
async function write(within, text) {
  const editor = page.locator(`${within} .monaco-editor:visible`).first();
  await editor.locator('.view-lines').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
  const bare = text.replaceAll(/\s/g, '');
  await until(async () => (await textOf(editor)).replaceAll(/\s/g, '') === bare);
}

async function press(button) {
  await page.locator(`button.graphiql-execute-button[aria-label^="${button}"]`).click();
}

/** Compares without white space: the page indents. */
async function showsResult(json) {
  const bare = (text) => text.replaceAll(/\s/g, '');
  let shown = '';
  await until(
    async () => bare((shown = await textOf(resultPane()))) === bare(json),
    () => `the page shows ${shown}\ninstead of ${json}`,
  );
}

/** Without spaces at line ends, which Monaco places as it likes. */
async function shownIn(within) {
  const shown = await textOf(page.locator(`${within} .monaco-editor:visible`).first());
  return shown.replaceAll(/ +$/gm, '').trim();
}

function resultPane() {
  return page.locator('.result-window .monaco-editor');
}

/** The text a Monaco editor shows: its lines are placed by their `top`, not by their order. */
function textOf(editor) {
  return editor.locator('.view-line').evaluateAll((lines) =>
    lines
      .sort((a, b) => Number.parseFloat(a.style.top) - Number.parseFloat(b.style.top))
      .map((line) => line.textContent.replaceAll('\u00a0', ' '))
      .join('\n'),
  );
}

async function until(condition, describe = () => `waited in vain for ${condition}`) {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, describe());
    await page.waitForTimeout(50);
  }
}

function watch(context, watched) {
  context.on('request', (request) => {
    asked.push(request.url());
    if (request.method() === 'POST') {
      posts.push({ headers: request.headers(), body: request.postData() ?? '' });
    }
  });
  watched.on('websocket', (socket) => {
    asked.push(socket.url());
    socket.on('framesent', ({ payload }) => socketFrames.push(String(payload)));
  });
  watched.on('pageerror', (error) => complaints.push(String(error)));
  watched.on('console', (message) => {
    const refused = message.location().url.endsWith('/v1/graphql');
    if (message.type() === 'error' && !refused) {
      complaints.push(message.text());
    }
  });
  context.on('response', (response) => {
    if (response.status() >= 400 && !response.url().endsWith('/v1/graphql')) {
      complaints.push(`${response.status()} ${response.url()}`);
    }
  });
}

function done(what) {
  checked.push(what);
}

async function shoot(name) {
  if (screenshots !== undefined) {
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${name}.png`) });
  }
}

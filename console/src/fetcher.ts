// How GraphiQL reaches the engine: queries and mutations by POST, subscriptions over the
// graphql-transport-ws protocol. Whatever goes wrong is put in words here. Who asks is decided in
// credentials.ts; what is done about a refusal in app.tsx.

import type { Fetcher, FetcherOpts, FetcherParams } from '@graphiql/toolkit';
import { parse, type ExecutionResult, type OperationDefinitionNode } from 'graphql';
import { createClient, type Client } from 'graphql-ws';
import type { Endpoints } from './endpoints';
import { keepNumbersExact, parseExact } from './exact-json';

/** What an exchange with the server said beside its result. */
export type Outcome =
  | { readonly kind: 'answered' }
  /** The server refused the secret, or asks for one. */
  | { readonly kind: 'denied'; readonly message: string }
  /** No usable answer: unreachable, or something else answered in its place. */
  | { readonly kind: 'failed'; readonly message: string };

export interface FetcherOptions {
  readonly endpoints: Endpoints;
  readonly headers: Readonly<Record<string, string>>;
  onOutcome(outcome: Outcome): void;
}

type Result = ExecutionResult;

interface Sink {
  next(result: Result): void;
  complete(): void;
}

/** Sends one operation and returns the function that cancels it. */
type Send = (params: FetcherParams, headers: Record<string, string>, sink: Sink) => () => void;

export function createFetcher(options: FetcherOptions): Fetcher {
  const post = postWith(options);
  const subscribe = subscribeWith(options);
  const fetcher = (asked: FetcherParams, opts?: FetcherOpts) => {
    const { params, isSubscription } = chooseOperation(asked);
    const send = isSubscription ? subscribe : post;
    const headers = mergeHeaders(options.headers, opts?.headers);
    return {
      subscribe: (sink: Sink) => ({ unsubscribe: send(params, headers, sink) }),
    };
  };
  // GraphiQL calls `subscribe` with an observer, or with three functions in old versions; its type
  // asks for both.
  return fetcher as unknown as Fetcher;
}

function postWith({ endpoints, onOutcome }: FetcherOptions): Send {
  return (params, headers, sink) => {
    const abort = new AbortController();
    void (async () => {
      const { result, outcome } = await exchange(endpoints.http, params, headers, abort.signal);
      if (!abort.signal.aborted) {
        onOutcome(outcome);
        sink.next(result);
        sink.complete();
      }
    })();
    return () => abort.abort();
  };
}

interface Exchange {
  readonly result: Result;
  readonly outcome: Outcome;
}

async function exchange(
  url: string,
  params: FetcherParams,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Exchange> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify(params),
      signal,
    });
    text = await response.text();
  } catch (error) {
    return failed(`${whyNotSent(error)} Nothing came back from ${url}.`);
  }
  const status = `${response.status} ${response.statusText}`.trim();
  let body: unknown;
  try {
    body = parseExact(text);
  } catch {
    const start = text.trim().slice(0, 200);
    return failed(
      `${url} answered ${status}, but not in JSON${start === '' ? '.' : `: ${start}`}`,
    );
  }
  if (typeof body !== 'object' || body === null) {
    return failed(`${url} answered ${status} with JSON that is not a GraphQL response: ${text}`);
  }
  return { result: body, outcome: outcomeOf(response.status, body, params) };
}

function outcomeOf(status: number, body: object, params: FetcherParams): Outcome {
  if ('data' in body) {
    return { kind: 'answered' };
  }
  const { code, message } = firstError(body);
  if (status === 401 || code === 'access-denied') {
    return { kind: 'denied', message };
  }
  // GraphiQL shows an operation's errors itself; without the schema its panes only stay empty.
  return params.operationName === 'IntrospectionQuery'
    ? { kind: 'failed', message: `The schema could not be loaded: ${message}` }
    : { kind: 'answered' };
}

/** A header with a line break or a letter outside Latin-1 never leaves the browser. */
function whyNotSent(error: unknown): string {
  return error instanceof TypeError && /header|ByteString|ISO-8859-1/i.test(error.message)
    ? `A request header cannot be sent: ${error.message}.`
    : 'The server cannot be reached: it may be down, or the network is.';
}

/** Of an answer without data: `{"errors":[…]}`, or `{"error","code"}` as other endpoints have it. */
function firstError(body: object): { code: string | undefined; message: string } {
  const errors: unknown = 'errors' in body ? body.errors : undefined;
  const first = (Array.isArray(errors) ? errors[0] : body) as {
    message?: string;
    error?: string;
    code?: string;
    extensions?: { code?: string };
  };
  return {
    code: first?.extensions?.code ?? first?.code,
    message: first?.message ?? first?.error ?? 'the server gave no reason.',
  };
}

function subscribeWith({ endpoints, onOutcome }: FetcherOptions): Send {
  return (params, headers, sink) => {
    const client = websocketClient(endpoints.websocket, headers);
    const operation = {
      query: params.query,
      variables: params.variables as Record<string, unknown> | undefined,
      operationName: params.operationName,
    };
    const stop = client.subscribe<Record<string, unknown>>(operation, {
      next: (result) => {
        onOutcome({ kind: 'answered' });
        sink.next(result as Result);
      },
      error: (error) => {
        if (Array.isArray(error)) {
          // An operation the engine refused: its errors, in its own words.
          sink.next({ errors: error } as Result);
        } else {
          const { result, outcome } = websocketProblem(error, endpoints.websocket);
          onOutcome(outcome);
          sink.next(result);
        }
        sink.complete();
      },
      complete: () => sink.complete(),
    });
    return () => {
      stop();
      void client.dispose();
    };
  };
}

/** One connection for each subscription: its headers travel in `connection_init`. */
function websocketClient(url: string, headers: Record<string, string>): Client {
  return createClient({
    url,
    connectionParams: { headers },
    jsonMessageReviver: keepNumbersExact,
    retryAttempts: 3,
    // 1012: the engine drops its sockets when metadata changes, and wants them back.
    shouldRetry: (error) => error instanceof CloseEvent && error.code === 1012,
  });
}

function websocketProblem(error: unknown, url: string): Exchange {
  if (!(error instanceof CloseEvent)) {
    const reason = error instanceof Error ? error.message : String(error);
    return failed(`The websocket to ${url} failed: ${reason}`);
  }
  const { code, reason } = error;
  if (code === 4403) {
    const { result } = failed(`The server refused the subscription (${reason}).`);
    return { result, outcome: { kind: 'denied', message: reason } };
  }
  if (code === 1006) {
    return failed(
      `The websocket to ${url} could not be opened, or broke off. The server may be down, or a proxy in between does not pass websockets on.`,
    );
  }
  return failed(`The server closed the websocket with code ${code}${reason && `: ${reason}`}.`);
}

function failed(message: string): Exchange {
  return {
    result: { errors: [{ message }] } as unknown as Result,
    outcome: { kind: 'failed', message },
  };
}

/** The headers editor wins over the page's own fields, whatever the case of the names. */
function mergeHeaders(own: Readonly<Record<string, string>>, edited: unknown): Record<string, string> {
  const merged: Record<string, string> = { ...own };
  for (const [name, value] of Object.entries((edited ?? {}) as Record<string, unknown>)) {
    merged[name.toLowerCase()] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  return merged;
}

/**
 * Which operation of the text to run. GraphiQL's own idea of it is half a second behind the typing:
 * whoever edits and runs at once would be told of an operation that is no longer there.
 */
function chooseOperation(asked: FetcherParams): { params: FetcherParams; isSubscription: boolean } {
  const operations = operationsOf(asked.query);
  const named = operations.find(({ name }) => name?.value === asked.operationName);
  const only = operations.length === 1 ? operations[0] : undefined;
  const chosen = named ?? only;
  return {
    params: chosen === undefined ? asked : { ...asked, operationName: chosen.name?.value },
    isSubscription: chosen?.operation === 'subscription',
  };
}

/** None, if the text is not GraphQL: it is sent all the same, for the server to say why. */
function operationsOf(query: string): OperationDefinitionNode[] {
  try {
    return parse(query, { noLocation: true }).definitions.filter(
      (definition) => definition.kind === 'OperationDefinition',
    );
  } catch {
    return [];
  }
}

// Where the API is, seen from where the page is. The page knows no absolute path: it is served at
// `<prefix>/console/`, and the prefix may be anything a reverse proxy puts there.

export interface Endpoints {
  /** Absolute URL for queries and mutations. */
  readonly http: string;
  /** The same path over ws: or wss:, for subscriptions. */
  readonly websocket: string;
  /** The path alone, shown to the user. Also tells two engines on one origin apart in storage. */
  readonly path: string;
}

/** `https://host/prefix/console/` gives `https://host/prefix/v1/graphql`. */
export function endpointsOf(pageUrl: string): Endpoints {
  const http = new URL('../v1/graphql', pageUrl);
  http.search = '';
  http.hash = '';
  const websocket = new URL(http);
  websocket.protocol = http.protocol === 'https:' ? 'wss:' : 'ws:';
  return { http: http.href, websocket: websocket.href, path: http.pathname };
}

// Who the page says it is: the admin secret and the role, and where the browser keeps them. The
// secret is kept for the tab; on request, for good.

import { storagePart } from './storage';

export interface Credentials {
  /** Sent as `x-hasura-admin-secret`; empty: not sent. */
  readonly secret: string;
  /** Whether the secret outlives the tab. */
  readonly remember: boolean;
  /** Sent as `x-hasura-role`; empty: not sent, the server then takes its default. */
  readonly role: string;
}

const SECRET = 'admin-secret';
const ROLE = 'role';

export interface CredentialStore {
  load(): Credentials;
  save(credentials: Credentials): void;
}

/** `scope` is the path of the API, so that two engines on one origin keep their own secrets. */
export function credentialStore(scope: string): CredentialStore {
  const prefix = `graphloom:${scope}:`;
  const tab = storagePart('session', prefix);
  const kept = storagePart('local', prefix);
  return {
    load() {
      const remembered = kept.getItem(SECRET);
      return {
        secret: tab.getItem(SECRET) ?? remembered ?? '',
        remember: remembered !== null,
        role: tab.getItem(ROLE) ?? '',
      };
    },
    save({ secret, remember, role }) {
      put(tab, SECRET, remember ? '' : secret);
      put(kept, SECRET, remember ? secret : '');
      put(tab, ROLE, role);
    },
  };
}

/** The headers that say who asks; what GraphiQL's headers editor holds is added by the fetcher. */
export function headersOf({
  secret,
  role,
}: Pick<Credentials, 'secret' | 'role'>): Record<string, string> {
  return {
    ...(secret === '' ? {} : { 'x-hasura-admin-secret': secret }),
    ...(role === '' ? {} : { 'x-hasura-role': role }),
  };
}

function put(storage: ReturnType<typeof storagePart>, key: string, value: string): void {
  if (value === '') {
    storage.removeItem(key);
  } else {
    storage.setItem(key, value);
  }
}

// The bar above the editor: which API this is, and who we are to it.

import { useEffect, useState } from 'react';

export interface TopBarProps {
  readonly path: string;
  readonly role: string;
  readonly hasSecret: boolean;
  onRole(role: string): void;
  onSecret(): void;
}

export function TopBar({ path, role, hasSecret, onRole, onSecret }: TopBarProps) {
  return (
    <header className="gl-bar">
      <h1 className="gl-brand">
        <img src="./favicon.svg" alt="" width="22" height="22" />
        Graphloom
      </h1>
      <code className="gl-path">{path}</code>
      <RoleField role={role} onRole={onRole} />
      <button
        type="button"
        className="gl-key"
        data-set={hasSecret}
        title="x-hasura-admin-secret"
        onClick={onSecret}
      >
        <KeyIcon />
        Admin secret
        <span className="gl-key-state">{hasSecret ? 'set' : 'not set'}</span>
      </button>
    </header>
  );
}

/** Takes effect on Enter or on leaving the field: each change reads the schema anew. */
function RoleField({ role, onRole }: Pick<TopBarProps, 'role' | 'onRole'>) {
  const [draft, setDraft] = useState(role);
  useEffect(() => setDraft(role), [role]);
  const commit = () => {
    const next = draft.trim();
    if (next !== role) {
      onRole(next);
    }
  };
  return (
    <form
      className="gl-role"
      onSubmit={(event) => {
        event.preventDefault();
        commit();
      }}
    >
      <label htmlFor="gl-role">Role</label>
      <input
        id="gl-role"
        value={draft}
        placeholder="default"
        title="Sent as x-hasura-role. Empty: not sent."
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={commit}
      />
    </form>
  );
}

function KeyIcon() {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <g fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round">
        <circle cx="5.2" cy="10.8" r="3.2" />
        <path d="M7.6 8.4 13.8 2.2M10.8 5.2 13 7.4" />
      </g>
    </svg>
  );
}

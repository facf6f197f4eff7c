// Puts the world of world.sql into a server that has a source `default`, and says which roles there are.
// It replaces the server's metadata, so it is for a server that was started for tests.

import { readFileSync } from 'node:fs';

const SCHEMA = 'clients';
const COLUMNS_OF_PEOPLE = ['id', 'firstName', 'last_name', 'mood', 'parent_id', 'score'];

/** What each role may read: table to columns, with or without aggregates. `admin` needs no permission. */
export const ROLES = {
  admin: {},
  // Everything that an ordinary user sees.
  user: {
    people: { columns: COLUMNS_OF_PEOPLE, aggregates: true, computed: ['full_name', 'greeting'] },
    kinds: { columns: '*', aggregates: true },
    secrets: { columns: ['id', 'person_id'] },
    links: { columns: '*' },
    active: { columns: '*', aggregates: true },
    totals: { columns: '*' },
    moods: { columns: '*' },
  },
  // Nothing that can be compared, summed or sorted well.
  narrow: { secrets: { columns: ['payload'], aggregates: true }, kinds: { columns: ['at', 'p'], aggregates: true } },
  // Rows without columns: what is left is to count them.
  counter: { secrets: { columns: [], aggregates: true }, links: { columns: [] }, people: { columns: [], aggregates: true } },
  // A row without columns that only leads to another one.
  bridge: { links: { columns: [] }, secrets: { columns: [], aggregates: true } },
  // One column, of an enum whose table the role may not see.
  mood: { people: { columns: ['mood'], aggregates: true } },
  // A role that no permission names.
  nobody: {},
};

function tables() {
  const foreignKey = (name, column) => ({ name, using: { foreign_key_constraint_on: column } });
  const referring = (name, table, column) => foreignKey(name, { table: { schema: SCHEMA, name: table }, column });
  const computed = (name) => ({ name, definition: { function: { schema: SCHEMA, name } } });
  const all = {
    moods: { is_enum: true },
    people: {
      object_relationships: [foreignKey('parent', 'parent_id')],
      array_relationships: [
        referring('offspring', 'people', 'parent_id'),
        referring('secrets', 'secrets', 'person_id'),
        referring('links', 'links', 'person_id'),
      ],
      computed_fields: ['full_name', 'greeting', 'children'].map(computed),
    },
    kinds: {},
    secrets: { object_relationships: [foreignKey('person', 'person_id')] },
    links: { object_relationships: [foreignKey('person', 'person_id'), foreignKey('friend', 'friend_id')] },
    active: {},
    totals: {},
  };
  return Object.entries(all).map(([name, table]) => ({
    table: { schema: SCHEMA, name },
    ...table,
    select_permissions: Object.entries(ROLES)
      .filter(([, permissions]) => permissions[name])
      .map(([role, { [name]: { columns, aggregates = false, computed = [] } }]) => ({
        role,
        permission: { columns, filter: {}, allow_aggregations: aggregates, computed_fields: computed },
      })),
  }));
}

function source(name, customization) {
  const functions = ['find_people', 'first_person'].map((fn) => ({ function: { schema: SCHEMA, name: fn } }));
  return {
    name,
    kind: 'postgres',
    configuration: { connection_info: { database_url: { from_env: 'HASURA_GRAPHQL_DATABASE_URL' } } },
    tables: tables(),
    functions,
    customization,
  };
}

/** Loads it. `post(path, body)` sends JSON as an admin and returns the answer, or throws. */
export async function loadWorld(post) {
  const sql = readFileSync(new URL('world.sql', import.meta.url), 'utf8');
  await post('/v2/query', { type: 'run_sql', args: { source: 'default', sql } });
  const metadata = {
    version: 3,
    sources: [
      source('default', {}),
      source('camel', { naming_convention: 'graphql-default', root_fields: { namespace: 'camel' }, type_names: { prefix: 'Camel' } }),
      source('affixed', { root_fields: { prefix: 'a_', suffix: '_z' }, type_names: { prefix: 'A_', suffix: '_Z' } }),
    ],
  };
  const answer = await post('/v1/metadata', {
    type: 'replace_metadata',
    version: 2,
    args: { allow_inconsistent_metadata: false, metadata },
  });
  if (answer.is_consistent === false) throw new Error(JSON.stringify(answer.inconsistent_objects, null, 2));
}

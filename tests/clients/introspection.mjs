// Introspection as clients read it, for every role of world.mjs:
//   GRAPHLOOM_URL=http://127.0.0.1:8080 GRAPHLOOM_ADMIN_SECRET=… node introspection.mjs
// It replaces the server's metadata. Exit code 0, or 1 and what is wrong with which role's schema.

import { buildClientSchema, getIntrospectionQuery, lexicographicSortSchema, parse, printSchema, validate, validateSchema } from 'graphql';
import { loadWorld, ROLES } from './world.mjs';

const base = (process.env.GRAPHLOOM_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
const secret = process.env.GRAPHLOOM_ADMIN_SECRET;
const query = getIntrospectionQuery({ descriptions: true, specifiedByUrl: false, inputValueDeprecation: false });

async function post(path, body, headers = {}) {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(secret && { 'x-hasura-admin-secret': secret }), ...headers },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok || answer.errors) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer;
}

await loadWorld(post);
let failed = 0;
for (const role of Object.keys(ROLES)) {
  const { data } = await post('/v1/graphql', { query }, { 'x-hasura-role': role });
  try {
    const schema = buildClientSchema(data);
    const errors = validateSchema(schema);
    // What can be built can also be printed and read again.
    parse(printSchema(lexicographicSortSchema(schema)));
    for (const error of errors.slice(0, 20)) console.error(`${role}: ${error.message}`);
    failed += errors.length;
    const types = data.__schema.types.filter(({ name }) => !name.startsWith('__')).length;
    console.log(`introspection: ${role}: ${types} types, ${errors.length} errors`);
    if (role === 'admin') failed += await probe(schema);
    if (role === 'bridge') await bridge();
  } catch (error) {
    console.error(`${role}:`, error.message);
    failed += 1;
  }
}
process.exitCode = failed > 0 ? 1 : 0;

/** What the client's own validation accepts, the server answers. */
async function probe(schema) {
  const document = `query ($loud: Boolean = true) {
    clients_people(
      order_by: [{ parent: { last_name: asc_nulls_first } }]
      where: { mood: { _in: [calm] } }
    ) {
      full_name
      greeting(args: { word: "hi", loud: $loud })
      children(args: { above: 1 }) { id }
      offspring_aggregate { aggregate { count(columns: [mood]) max { score } } nodes { __typename } }
    }
    clients_find_people_aggregate(args: { word: "%" }) { aggregate { count } }
    camel { clientsPeople(orderBy: [{ firstName: ASC }]) { firstName lastName } }
    a_clients_people_z(limit: 1) { __typename }
  }`;
  const errors = validate(schema, parse(document));
  for (const error of errors) console.error(`the probe: ${error.message}`);
  if (errors.length === 0) await post('/v1/graphql', { query: document });
  return errors.length;
}

/** A role without columns counts, and may ask for what stands in for fields. */
async function bridge() {
  const document =
    '{ clients_links { __typename no_fields_available } clients_secrets_aggregate { aggregate { count } } }';
  await post('/v1/graphql', { query: document }, { 'x-hasura-role': 'bridge' });
}

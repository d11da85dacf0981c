// Fastify + PostgreSQL: upsert, log and idempotency in one statement, which is one transaction and one
// round trip; a pool of ten connections and prepared statements. Argument: PORT
'use strict';

const { Pool } = require('pg');
const { serve } = require('./endpoint');

const pool = new Pool({ host: '127.0.0.1', port: Number(process.argv[2]), user: 'postgres', database: 'postgres', max: 10 });

const SCHEMA = `
  CREATE TABLE state (connector text, owner text, model text, id text, revision bigint, body json,
    PRIMARY KEY (connector, owner, model, id));
  CREATE TABLE log (revision bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, connector text, owner text,
    model text, id text, event text, body json);
  CREATE TABLE idempotency (connector text, owner text, event text, id text, key text,
    PRIMARY KEY (connector, owner, event, id, key));`;

const APPLY = `
  WITH fresh AS (
    INSERT INTO idempotency VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id),
  logged AS (
    INSERT INTO log (connector, owner, model, id, event, body)
    SELECT $1, $2, $6, $4, $3, $7 FROM fresh RETURNING revision)
  INSERT INTO state SELECT $1, $2, $6, $4, revision, $7 FROM logged
  ON CONFLICT (connector, owner, model, id) DO UPDATE SET revision = excluded.revision, body = excluded.body`;

async function store({ connector, owner, event, id, key, model, body }) {
  const result = await pool.query({ name: 'apply', text: APPLY, values: [connector, owner, event, id, key, model, body] });
  return result.rowCount === 0 ? 'duplicate' : 'applied';
}

// The same state that the endpoint would have made, made by the database in one go.
async function fill() {
  const sample = JSON.parse(process.env.SAMPLE_BODY);
  const { model } = sample.data;
  sample.data.id = '@ID@';
  const values = [JSON.stringify(sample), Number(process.env.RESOURCES)];
  await pool.query('INSERT INTO idempotency SELECT \'hubspot\', \'acme\', $1, i::text, \'fill-\' || i ' +
    'FROM generate_series(0, $2::int - 1) i', [sample.event, values[1]]);
  await pool.query(`INSERT INTO log (connector, owner, model, id, event, body) SELECT 'hubspot', 'acme', '${model}',
    i::text, '${sample.event}', replace($1, '@ID@', i::text)::json FROM generate_series(0, $2::int - 1) i`, values);
  await pool.query('INSERT INTO state SELECT connector, owner, model, id, revision, body FROM log');
  await pool.query('VACUUM ANALYZE');
  await pool.query('CHECKPOINT');
}

async function main() {
  await pool.query(SCHEMA);
  await fill();
  await serve(store);
}

main();

// Fastify + better-sqlite3: upsert, log and idempotency in one file, in WAL mode as its documentation
// recommends, with an fsync per commit. Arguments: FILE [grouped]
//
// Without `grouped`, a transaction per request, as most would write it. With it, what an expert would
// do: all requests of one turn of the event loop share a transaction and so an fsync.
'use strict';

const Database = require('better-sqlite3');
const { initialDeliveries, serve } = require('./endpoint');

const [file, mode] = process.argv.slice(2);
const database = new Database(file);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.pragma('cache_size = -65536');
database.exec(`
  CREATE TABLE state (connector TEXT, owner TEXT, model TEXT, id TEXT, revision INTEGER, body TEXT,
    PRIMARY KEY (connector, owner, model, id)) WITHOUT ROWID;
  CREATE TABLE log (revision INTEGER PRIMARY KEY, connector TEXT, owner TEXT, model TEXT, id TEXT, event TEXT,
    body TEXT);
  CREATE TABLE idempotency (connector TEXT, owner TEXT, event TEXT, id TEXT, key TEXT, revision INTEGER,
    PRIMARY KEY (connector, owner, event, id, key)) WITHOUT ROWID;
`);
const append = database.prepare(
  'INSERT INTO log (connector, owner, model, id, event, body) VALUES (@connector, @owner, @model, @id, @event, @body)');
const remember = database.prepare(
  'INSERT INTO idempotency VALUES (@connector, @owner, @event, @id, @key, NULL) ON CONFLICT DO NOTHING');
const upsert = database.prepare(`
  INSERT INTO state VALUES (@connector, @owner, @model, @id, @revision, @body)
  ON CONFLICT DO UPDATE SET revision = excluded.revision, body = excluded.body`);

function apply(delivery) {
  if (remember.run(delivery).changes === 0) return 'duplicate';
  delivery.revision = append.run(delivery).lastInsertRowid;
  upsert.run(delivery);
  return 'applied';
}

const applyOne = database.transaction(apply);
const applyAll = database.transaction((deliveries) => deliveries.map(apply));

let waiting = [];

function commitWaiting() {
  const turn = waiting;
  waiting = [];
  try {
    const verdicts = applyAll(turn.map(({ delivery }) => delivery));
    turn.forEach(({ resolve }, index) => resolve(verdicts[index]));
  } catch (error) {
    turn.forEach(({ reject }) => reject(error));
  }
}

function storeGrouped(delivery) {
  return new Promise((resolve, reject) => {
    if (waiting.length === 0) setImmediate(commitWaiting);
    waiting.push({ delivery, resolve, reject });
  });
}

database.transaction(() => {
  for (const delivery of initialDeliveries()) apply(delivery);
})();
database.pragma('wal_checkpoint(TRUNCATE)');
serve(mode === 'grouped' ? storeGrouped : async (delivery) => applyOne(delivery));

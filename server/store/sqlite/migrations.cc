#include "server/store/sqlite/migrations.h"

namespace tributary::sqlite {

const std::array<const char*, kSchemaVersion> kMigrations = {
    R"sql(
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE scope (
  scope        INTEGER PRIMARY KEY,
  model        TEXT NOT NULL,
  connector_id TEXT NOT NULL,
  owner_id     TEXT NOT NULL,
  UNIQUE (model, connector_id, owner_id)
) STRICT;

-- raw comes last, so that reading the rest of a row never touches its pages.
CREATE TABLE change (
  revision        INTEGER PRIMARY KEY,
  prev            INTEGER NOT NULL,
  scope           INTEGER NOT NULL,
  id              BLOB NOT NULL,
  kind            INTEGER NOT NULL,
  version_time    INTEGER NOT NULL,
  version_rank    INTEGER NOT NULL,
  delivery        INTEGER NOT NULL,
  received_us     INTEGER NOT NULL,
  committed_us    INTEGER NOT NULL,
  note            INTEGER NOT NULL,
  crc             INTEGER NOT NULL,
  raw_crc         INTEGER NOT NULL,
  idempotency_key BLOB NOT NULL,
  changed_fields  BLOB NOT NULL,
  state           BLOB NOT NULL,
  raw             BLOB NOT NULL
) STRICT;
CREATE INDEX change_by_scope ON change (scope, revision);

CREATE TABLE resource (
  scope            INTEGER NOT NULL,
  id               BLOB NOT NULL,
  revision         INTEGER NOT NULL,
  version_time     INTEGER NOT NULL,
  version_rank     INTEGER NOT NULL,
  version_delivery INTEGER NOT NULL,
  crc              INTEGER NOT NULL,
  PRIMARY KEY (scope, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
  number          INTEGER PRIMARY KEY,
  received_us     INTEGER NOT NULL,
  connector_id    BLOB NOT NULL,
  owner_id        BLOB NOT NULL,
  event           BLOB NOT NULL,
  resource_id     BLOB NOT NULL,
  idempotency_key BLOB NOT NULL,
  verdict         INTEGER NOT NULL,
  revision        INTEGER NOT NULL,
  version_time    INTEGER NOT NULL,
  version_rank    INTEGER NOT NULL,
  problem         BLOB NOT NULL,
  note            INTEGER NOT NULL,
  crc             INTEGER NOT NULL
) STRICT;

CREATE TABLE body (
  delivery INTEGER PRIMARY KEY,
  crc      INTEGER NOT NULL,
  body     BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
  delivery    INTEGER PRIMARY KEY,
  identity    INTEGER NOT NULL,
  received_us INTEGER NOT NULL,
  revision    INTEGER NOT NULL,
  content     BLOB NOT NULL
) STRICT;
CREATE INDEX idempotency_by_identity ON idempotency (identity);

INSERT INTO meta (key, value) VALUES ('history_floor', 0), ('tombstone_floor', 0);
)sql",
    // What was written at random places with every change is written late, in order.
    R"sql(
CREATE TABLE change_of_scope (
  scope    INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (scope, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO change_of_scope SELECT scope, revision FROM change ORDER BY scope, revision;
DROP INDEX change_by_scope;

CREATE TABLE raise (
  delivery     INTEGER NOT NULL,
  scope        INTEGER NOT NULL,
  id           BLOB NOT NULL,
  revision     INTEGER NOT NULL,
  version_time INTEGER NOT NULL,
  version_rank INTEGER NOT NULL,
  crc          INTEGER NOT NULL,
  PRIMARY KEY (delivery, scope, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE fingerprint (
  run          INTEGER NOT NULL,
  identity     INTEGER NOT NULL,
  delivery     INTEGER NOT NULL,
  received_us  INTEGER NOT NULL,
  revision     INTEGER NOT NULL,
  content      BLOB NOT NULL,
  PRIMARY KEY (run, identity, delivery)
) STRICT, WITHOUT ROWID;

-- Copies of states: a row counts only while it is of the revision that its pointer names.
CREATE TABLE settled (
  scope    INTEGER NOT NULL,
  id       BLOB NOT NULL,
  revision INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  crc      INTEGER NOT NULL,
  state    BLOB NOT NULL,
  PRIMARY KEY (scope, id)
) STRICT, WITHOUT ROWID;

-- A filter that is empty excludes nothing.
CREATE TABLE fingerprint_run (
  run       INTEGER PRIMARY KEY,
  newest_us INTEGER NOT NULL,
  revision  INTEGER NOT NULL,
  delivery  INTEGER NOT NULL,
  filter    BLOB NOT NULL
) STRICT;

-- The row is made anew, because what is added to it stands before its large columns.
ALTER TABLE change RENAME TO change_v1;
CREATE TABLE change (
  revision        INTEGER PRIMARY KEY,
  prev            INTEGER NOT NULL,
  scope           INTEGER NOT NULL,
  id              BLOB NOT NULL,
  kind            INTEGER NOT NULL,
  version_time    INTEGER NOT NULL,
  version_rank    INTEGER NOT NULL,
  delivery        INTEGER NOT NULL,
  received_us     INTEGER NOT NULL,
  committed_us    INTEGER NOT NULL,
  note            INTEGER NOT NULL,
  crc             INTEGER NOT NULL,
  raw_crc         INTEGER NOT NULL,
  idempotency_key BLOB NOT NULL,
  fingerprint     BLOB NOT NULL,
  changed_fields  BLOB NOT NULL,
  state           BLOB NOT NULL,
  raw             BLOB NOT NULL
) STRICT;
INSERT INTO change
  SELECT revision, prev, scope, id, kind, version_time, version_rank, delivery, received_us,
         committed_us, note, crc, raw_crc, idempotency_key, x'', changed_fields, state, raw
  FROM change_v1 ORDER BY revision;
DROP TABLE change_v1;
ALTER TABLE delivery ADD COLUMN fingerprint BLOB NOT NULL DEFAULT x'';

INSERT INTO fingerprint (run, identity, delivery, received_us, revision, content)
  SELECT 1, identity, delivery, received_us, revision, content FROM idempotency
  ORDER BY identity, delivery;
INSERT INTO fingerprint_run (run, newest_us, revision, delivery, filter)
  SELECT 1, max(received_us), coalesce((SELECT max(revision) FROM change), 0), max(delivery), x''
  FROM idempotency HAVING count(*) > 0;
DROP TABLE idempotency;

INSERT INTO meta (key, value) VALUES ('swept_revision', 0), ('swept_resources', 0);
INSERT INTO meta (key, value)
  SELECT 'applied_revision', coalesce(max(revision), 0) FROM change
  UNION ALL
  SELECT 'applied_delivery', max(coalesce((SELECT max(delivery) FROM change), 0),
                                 coalesce((SELECT max(number) FROM delivery), 0));
)sql",
    // History is compacted.
    R"sql(
CREATE TABLE released (
  number    INTEGER PRIMARY KEY,
  crc       INTEGER NOT NULL,
  revisions BLOB NOT NULL
) STRICT;
INSERT INTO meta (key, value) VALUES ('removed_rows', 0);

-- A value that a field had from one revision until another (0: it still has it).
CREATE TABLE entry (
  scope          INTEGER NOT NULL,
  field          INTEGER NOT NULL,
  value          BLOB NOT NULL,
  id             BLOB NOT NULL,
  from_revision  INTEGER NOT NULL,
  until_revision INTEGER NOT NULL,
  PRIMARY KEY (scope, field, value, id, from_revision)
) STRICT, WITHOUT ROWID;
-- Of what is indexed, and from which revision on; another one makes the next start index anew.
INSERT INTO meta (key, value) VALUES ('index_definition', 0), ('index_floor', 0);
)sql",
    // The ledger tells more, and bodies are compressed. A size of -1: as it is.
    R"sql(
ALTER TABLE delivery ADD COLUMN warnings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN body_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN remote_address BLOB NOT NULL DEFAULT x'';

ALTER TABLE body RENAME TO body_v3;
CREATE TABLE body (
  delivery INTEGER PRIMARY KEY,
  worth    INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  crc      INTEGER NOT NULL,
  body     BLOB NOT NULL
) STRICT;
INSERT INTO body
  SELECT b.delivery, CASE d.verdict WHEN 5 THEN 2 WHEN 6 THEN 1 ELSE 0 END, -1, b.crc, b.body
  FROM body_v3 AS b LEFT JOIN delivery AS d ON d.number = b.delivery ORDER BY b.delivery;
DROP TABLE body_v3;
CREATE INDEX body_by_worth ON body (worth, delivery);

INSERT INTO meta (key, value) VALUES ('given_delivery', 0), ('given_received_us', 0);
INSERT INTO meta (key, value) SELECT 'body_bytes', coalesce(sum(length(body)), 0) FROM body;
)sql",
    // What stays on record until somebody does something about it is counted.
    R"sql(
INSERT INTO meta (key, value)
  SELECT 'parked_deliveries', count(*) FROM delivery WHERE verdict = 5
  UNION ALL
  SELECT 'rejected_deliveries', count(*) FROM delivery WHERE verdict = 6;
)sql",
    // Copies in blocks, each as large as a page takes, which are made anew. Runs of fingerprints in
    // blocks: what stands in the table `fingerprint` stays there until the window has passed it.
    R"sql(
DROP TABLE settled;
CREATE TABLE settled (
  number    INTEGER PRIMARY KEY,
  scope     INTEGER NOT NULL,
  first     BLOB NOT NULL,
  revision  INTEGER NOT NULL,
  resources INTEGER NOT NULL,
  crc       INTEGER NOT NULL,
  entries   BLOB NOT NULL
) STRICT;
-- Tells what changed since without a look at the blocks.
CREATE INDEX settled_in_order ON settled (scope, first, revision, resources);
UPDATE meta SET value = 0 WHERE key IN ('swept_revision', 'swept_resources');

CREATE TABLE fingerprint_block (
  run     INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  crc     INTEGER NOT NULL,
  entries BLOB NOT NULL,
  PRIMARY KEY (run, first, number)
) STRICT, WITHOUT ROWID;
)sql",
};

}  // namespace tributary::sqlite

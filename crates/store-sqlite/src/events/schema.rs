//! The tables of `events.db`.
//!
//! Names of logs and queues are stored once and stand for numbers elsewhere. Points in time are milliseconds since
//! the epoch. What is looked for by a record's attributes goes through `block`, see [`super::block`]: an index on
//! each attribute would cost more to write than the record itself.

use crate::database::Kind;
use crate::objects::schema::OBJECTS;

/// `events.db`.
pub(crate) const KIND: Kind =
    Kind { file_name: "events.db", application_id: 0x4b6c_4531, schema: &[EVENTS, OBJECTS] };

const EVENTS: &str = "
CREATE TABLE log (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE queue (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- What was accepted. `routes` are the numbers of the queues it was routed to, as `,3,17,`.
-- The body comes last, so that reading the rest of a row never reads the pages that a long body fills.
CREATE TABLE record (
    seq INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    routes TEXT NOT NULL,
    body BLOB NOT NULL
);

-- What is still owed.
CREATE TABLE delivery (
    seq INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    due INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    note BLOB,
    PRIMARY KEY (seq, queue)
) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (queue, due, seq);

CREATE TABLE attempt (
    seq INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    elapsed_micros INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    answer TEXT NOT NULL,
    invocation TEXT,
    log TEXT,
    PRIMARY KEY (seq, queue, number)
) WITHOUT ROWID;

-- A run of records, and how much of it is left.
CREATE TABLE block (
    first_seq INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    records INTEGER NOT NULL,
    body_bytes INTEGER NOT NULL,
    accepted_min INTEGER NOT NULL,
    accepted_max INTEGER NOT NULL
);
-- A filter of what the records of a block can be found by.
CREATE TABLE block_filter (first_seq INTEGER PRIMARY KEY, filter BLOB NOT NULL);

-- The last place that was given out before records were trimmed, since no place is given out twice.
CREATE TABLE trimmed (last_seq INTEGER NOT NULL);
INSERT INTO trimmed VALUES (0);
";

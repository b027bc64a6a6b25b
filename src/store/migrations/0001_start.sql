-- Who may write, and how far the journal reaches back. One row: embedded, one gateway owns every shard.
CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL,
    oldest INTEGER NOT NULL
) STRICT;
INSERT INTO owner VALUES (1, '', 0, 0, 1);

-- One row per committed block: `count` records from `pos` on, packed (see block.rs). `at` is the latest of them.
CREATE TABLE journal (
    pos INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    block BLOB NOT NULL
) STRICT;

CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    contact TEXT NOT NULL,
    last INTEGER NOT NULL,
    hash BLOB NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (unit, contact)
) STRICT;

CREATE TABLE closed (
    id INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    contact TEXT NOT NULL,
    last INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (unit, contact)
) STRICT;
CREATE INDEX closed_last ON closed (last);

CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What a commit's records add to the numbers, until it is in their rows (see gateway::storage::numbers). On the last of the
-- commit's blocks.
ALTER TABLE journal ADD COLUMN tally BLOB;

-- The numbers of one day: of a profile's contacts, or, where `engine` is not empty, of one of its engines.
CREATE TABLE number (
    day INTEGER NOT NULL,
    unit TEXT NOT NULL,
    profile TEXT NOT NULL,
    engine TEXT NOT NULL,
    counts BLOB NOT NULL,
    PRIMARY KEY (day, unit, profile, engine)
) STRICT, WITHOUT ROWID;

-- Which flush is in the rows, and what it holds: everything that was added by records up to `through`.
CREATE TABLE number_flush (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    serial INTEGER NOT NULL,
    through INTEGER NOT NULL
) STRICT;
INSERT INTO number_flush VALUES (1, 0, 0);

-- Records that tell of a question that was not understood. What it was is in the record alone.
CREATE TABLE unclear (
    pos INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    profile TEXT NOT NULL
) STRICT;
CREATE INDEX unclear_profile ON unclear (unit, profile, pos);

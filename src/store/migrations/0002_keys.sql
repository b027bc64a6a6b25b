-- One row per contact's life: a name that is used again begins another one. `born`: the position of its first record.
CREATE TABLE life (
    born INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    contact TEXT NOT NULL,
    -- Its last record, and when it was closed; NULL while it is open.
    last INTEGER,
    at INTEGER,
    -- When and by whom its key was destroyed.
    erased_at INTEGER,
    erased_by TEXT
) STRICT;
CREATE INDEX life_contact ON life (unit, contact);
CREATE INDEX life_last ON life (last);

-- Apart from `life`, so that a key's row never moves: rows come in ascending order, and an erasure overwrites a key in its
-- place. No page keeps an old copy.
CREATE TABLE life_key (
    born INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

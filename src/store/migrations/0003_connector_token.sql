-- Tokens that connectors dial in with, as SHA-256. `valid_until` is null while a token is its profile's own.
CREATE TABLE connector_token (
    sha256 BLOB PRIMARY KEY,
    unit TEXT NOT NULL,
    profile TEXT NOT NULL,
    name TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    valid_until INTEGER
) STRICT, WITHOUT ROWID;

-- Users and keys change while a world runs; and what is measured of keys besides the tape.

ALTER TABLE users ADD COLUMN deleted_at INTEGER;
ALTER TABLE keys ADD COLUMN ended_at INTEGER; -- revoked by its owner or turned off by an administrator

-- When a key was last used. Measured, not on the tape: a ledger made again begins without.
CREATE TABLE meters (
    epoch        INTEGER NOT NULL,
    key          INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (epoch, key)
) STRICT, WITHOUT ROWID;

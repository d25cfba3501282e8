-- What was taken aside for others' fees and paid. What is held meanwhile, the postings say.

CREATE TABLE fee_payments (
    epoch     INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    number    INTEGER NOT NULL, -- of those in one record
    account   INTEGER NOT NULL, -- whose it was
    amount    INTEGER NOT NULL,
    recipient INTEGER,          -- who got a share of it
    share     INTEGER NOT NULL, -- how much; the fees got the rest
    at        INTEGER NOT NULL,
    PRIMARY KEY (epoch, sequence, number)
) STRICT, WITHOUT ROWID;

-- How much customers asked in a calendar month. Measured, not on the tape: a ledger made again begins without.
CREATE TABLE months (
    epoch    INTEGER NOT NULL,
    user     INTEGER NOT NULL,
    month    INTEGER NOT NULL, -- since January of year 0
    requests INTEGER NOT NULL,
    PRIMARY KEY (epoch, user, month)
) STRICT, WITHOUT ROWID;

-- Orders that came signed by a wallet, and what became of shares and dollars without a trade.

-- An order's hash is found through the claims: it is what a retry brings again.
CREATE TABLE signed_orders (
    order_id INTEGER PRIMARY KEY,
    digest   BLOB NOT NULL, -- the order's typed-data hash, its id on the wire
    maker    BLOB NOT NULL, -- the wallet it is for
    builder  BLOB NOT NULL, -- whom it is attributed to; zeros for nobody
    shares   INTEGER NOT NULL -- as they were signed
) STRICT;

CREATE TABLE conversions (
    epoch    INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    market   INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    shares   INTEGER NOT NULL, -- pairs, or shares given
    dollars  INTEGER NOT NULL, -- cash that came in, or went out if negative
    at       INTEGER NOT NULL,
    PRIMARY KEY (epoch, account, sequence, market)
) STRICT, WITHOUT ROWID;

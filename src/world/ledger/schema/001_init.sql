-- The ledger: what the tape says, in tables. It never decides and can be made again from the tape.
--
-- Money and shares are whole millionths; prices ten-thousandths of a dollar; moments milliseconds since
-- 1970-01-01T00:00:00Z. Codes (sides, reasons, ...) are listed in codes.rs. Every table holds all epochs:
-- a reset begins a new one, and history shows only the last.

-- How far this ledger is. One row.
CREATE TABLE meta (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    next_sequence INTEGER NOT NULL, -- the first record that is not in here
    epoch         INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, 0);

CREATE TABLE epochs (
    epoch    INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    began_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    epoch   INTEGER NOT NULL,
    id      INTEGER NOT NULL,
    name    TEXT NOT NULL,
    subject TEXT NOT NULL,
    plan    INTEGER NOT NULL,
    PRIMARY KEY (epoch, id)
) STRICT, WITHOUT ROWID;

-- No secret is here, and no hash of one: nothing in the ledger lets anyone in.
CREATE TABLE keys (
    epoch      INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    user       INTEGER NOT NULL,
    scheme     INTEGER NOT NULL,
    prefix     TEXT NOT NULL,
    name       TEXT,
    may_trade  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (epoch, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    epoch         INTEGER NOT NULL,
    id            INTEGER NOT NULL,
    user          INTEGER NOT NULL,
    venue         INTEGER NOT NULL,
    is_house      INTEGER NOT NULL, -- only a house's cash may go below zero
    opened_at     INTEGER NOT NULL,
    granted       INTEGER NOT NULL, -- from nowhere, the opening cash included
    withdrawn     INTEGER NOT NULL, -- back to nowhere
    cash          INTEGER NOT NULL, -- what is reserved included
    reserved      INTEGER NOT NULL, -- for open buys
    fills         INTEGER NOT NULL,
    orders_filled INTEGER NOT NULL,
    PRIMARY KEY (epoch, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE markets (
    epoch        INTEGER NOT NULL,
    id           INTEGER NOT NULL,
    venue        INTEGER NOT NULL,
    condition_id TEXT NOT NULL,
    slug         TEXT NOT NULL,
    question     TEXT NOT NULL,
    category     TEXT NOT NULL,
    label_yes    TEXT NOT NULL,
    label_no     TEXT NOT NULL,
    reference    INTEGER,          -- the last price before it was listed here
    listed_at    INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    payout       INTEGER,
    resolved_at  INTEGER,
    dust         INTEGER NOT NULL, -- cut off by halving, booked as fees
    PRIMARY KEY (epoch, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    id               INTEGER PRIMARY KEY,
    epoch            INTEGER NOT NULL,
    sequence         INTEGER NOT NULL,
    account          INTEGER NOT NULL,
    market           INTEGER NOT NULL,
    outcome          INTEGER NOT NULL,
    side             INTEGER NOT NULL,
    kind             INTEGER NOT NULL,
    size             INTEGER NOT NULL,
    in_dollars       INTEGER NOT NULL, -- whether the size is dollars, not shares
    price_limit      INTEGER NOT NULL, -- in the outcome's own terms
    tif              INTEGER NOT NULL,
    expires_at       INTEGER,
    post_only        INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    key              INTEGER,          -- who vouched; null: the world itself
    client_order_id  TEXT,
    claim_key        BLOB,
    claim_body       BLOB,
    claim_client     BLOB,
    -- now
    status           INTEGER NOT NULL,
    reason           INTEGER,          -- null while it is open
    closed_at        INTEGER,
    filled           INTEGER NOT NULL,
    notional         INTEGER NOT NULL,
    fee              INTEGER NOT NULL,
    first_trade      INTEGER,
    last_trade       INTEGER,
    -- when its placement had ended
    placed_status    INTEGER NOT NULL,
    placed_reason    INTEGER,
    placed_filled    INTEGER NOT NULL,
    placed_notional  INTEGER NOT NULL,
    placed_fee       INTEGER NOT NULL,
    placed_available INTEGER NOT NULL, -- the purse's cash that was not reserved
    placed_shares    INTEGER NOT NULL, -- the holding
    placed_cost      INTEGER NOT NULL
) STRICT;
-- Ids grow with time, so this is also an account's history in order.
CREATE INDEX orders_of_account ON orders (epoch, account, id);

-- From the first 32 bits of an idempotency key's digest, or a client order id's, to the orders it may have
-- made. Digests are random: an index of all of them would be written all over. So orders stand in groups of
-- 262,144 with an index each; a search looks into every group.
CREATE TABLE claims (
    orders   INTEGER NOT NULL, -- the order's id, shifted right by 18 bits
    digest   INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    PRIMARY KEY (orders, digest, order_id)
) STRICT, WITHOUT ROWID;

-- One side's view of a trade, so two rows a trade.
CREATE TABLE fills (
    id       INTEGER PRIMARY KEY, -- twice the trade's id; one more for the taker's row
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    market   INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,
    side     INTEGER NOT NULL,
    price    INTEGER NOT NULL, -- in the outcome's own terms
    shares   INTEGER NOT NULL,
    notional INTEGER NOT NULL, -- cash paid or received, fee not included
    fee      INTEGER NOT NULL
) STRICT;
CREATE INDEX fills_of_account ON fills (epoch, account, id);
-- The fills of an order are those of its account between its first and its last trade.
-- A market's public trades are its takers' rows.
CREATE INDEX fills_of_market ON fills (epoch, market, id) WHERE id & 1;

-- Double entry: the lines of one entry sum to zero.
CREATE TABLE postings (
    id       INTEGER PRIMARY KEY, -- four times the entry's number, and the line
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    cause    INTEGER NOT NULL,
    subject  INTEGER NOT NULL,    -- the trade of a trade; else the market, or 0
    book     INTEGER NOT NULL,
    owner    INTEGER NOT NULL,    -- the account of a purse, the market of collateral, or 0
    amount   INTEGER NOT NULL     -- what came in, or went out if negative
) STRICT;

CREATE TABLE positions (
    id        INTEGER PRIMARY KEY, -- given when the account first holds the outcome
    epoch     INTEGER NOT NULL,
    account   INTEGER NOT NULL,
    market    INTEGER NOT NULL,
    outcome   INTEGER NOT NULL,
    shares    INTEGER NOT NULL,
    cost      INTEGER NOT NULL, -- of the shares held now
    realized  INTEGER NOT NULL,
    bought    INTEGER NOT NULL, -- shares that ever came in
    paid      INTEGER NOT NULL, -- what they cost
    sold      INTEGER NOT NULL, -- shares that ever left
    received  INTEGER NOT NULL, -- what they brought
    fees      INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,          -- null while shares are held
    closed_by INTEGER,
    UNIQUE (epoch, account, market, outcome)
) STRICT;

CREATE TABLE settlements (
    position INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    market   INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,
    shares   INTEGER NOT NULL,
    cost     INTEGER NOT NULL,
    payout   INTEGER NOT NULL,
    realized INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (position, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX settlements_of_account ON settlements (epoch, account, position);

-- In terms of the first outcome.
CREATE TABLE candles (
    epoch   INTEGER NOT NULL,
    market  INTEGER NOT NULL,
    span    INTEGER NOT NULL, -- milliseconds: a minute or an hour
    start   INTEGER NOT NULL,
    open    INTEGER NOT NULL,
    high    INTEGER NOT NULL,
    low     INTEGER NOT NULL,
    close   INTEGER NOT NULL,
    shares  INTEGER NOT NULL,
    dollars INTEGER NOT NULL, -- what takers paid or received
    trades  INTEGER NOT NULL,
    PRIMARY KEY (epoch, market, span, start)
) STRICT, WITHOUT ROWID;

-- What a purse and a position held at the end of an hour in which they changed. Hours since 1970.
CREATE TABLE purse_hours (
    epoch   INTEGER NOT NULL,
    account INTEGER NOT NULL,
    hour    INTEGER NOT NULL,
    cash    INTEGER NOT NULL,
    PRIMARY KEY (epoch, account, hour)
) STRICT, WITHOUT ROWID;
CREATE TABLE position_hours (
    position INTEGER NOT NULL,
    hour     INTEGER NOT NULL,
    shares   INTEGER NOT NULL,
    PRIMARY KEY (position, hour)
) STRICT, WITHOUT ROWID;

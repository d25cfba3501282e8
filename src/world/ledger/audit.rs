//! The proof that no money was made or lost, from the ledger alone (design §1.1).
//!
//! The pluses before `epoch` keep `SQLite` from going through a whole table in the order of an index of which
//! only the epoch is asked for.

use super::codes::{Book, Code};
use crate::types::format_scaled;
use rusqlite::{Connection, Result};
use std::fmt;

/// What an audit found: every law of every epoch, with its two figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The first record that is not in the ledger.
    pub next_sequence: i64,
    /// The laws, epoch by epoch.
    pub laws: Vec<Law>,
}

/// One law: two figures that must be equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Law {
    /// In which epoch.
    pub epoch: i64,
    /// What it says.
    pub says: &'static str,
    /// What the two figures are: dollars and shares in millionths, or a number of rows.
    pub unit: Unit,
    /// What is there.
    pub found: i128,
    /// What must be there.
    pub expected: i128,
    /// The first row that breaks it, in words. A law may be broken though the figures agree: then two rows
    /// break it in opposite directions.
    pub broken: Option<String>,
}

/// The unit of a law's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Micro-dollars.
    Dollars,
    /// Micro-shares.
    Shares,
    /// Rows.
    Rows,
}

impl AuditReport {
    /// Whether every law holds.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.laws.iter().all(Law::holds)
    }

    /// The laws that do not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Law> {
        self.laws.iter().filter(|law| !law.holds())
    }
}

impl Law {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.found == self.expected && self.broken.is_none()
    }

    fn figure(&self, figure: i128) -> String {
        match (self.unit, i64::try_from(figure)) {
            (Unit::Rows, _) | (_, Err(_)) => figure.to_string(),
            (Unit::Dollars | Unit::Shares, Ok(figure)) => format_scaled(figure, 6, 2),
        }
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let newest = self.laws.last().map_or(0, |law| law.epoch);
        writeln!(f, "records before {}; epoch {newest}", self.next_sequence)?;
        for law in self.laws.iter().filter(|law| law.epoch == newest || !law.holds()) {
            let verdict = if law.holds() { "ok  " } else { "FAIL" };
            let (found, expected) = (law.figure(law.found), law.figure(law.expected));
            writeln!(f, "{verdict}  {:<58} {found:>24} {expected:>24}", law.says)?;
            if !law.holds() {
                let difference = law.figure(law.found - law.expected);
                writeln!(f, "      epoch {}: differs by {difference}", law.epoch)?;
            }
            if let Some(broken) = &law.broken {
                writeln!(f, "      first: {broken}")?;
            }
        }
        write!(f, "{}", if self.passes() { "every law holds" } else { "NOT BALANCED" })
    }
}

/// Audits what is in a ledger, in one snapshot of it: the caller's, if a transaction is open.
///
/// # Errors
/// The database's, also if a sum leaves 63 bits, which no balanced ledger's does.
pub fn audit(connection: &Connection) -> Result<AuditReport> {
    if connection.is_autocommit() {
        report(&*connection.unchecked_transaction()?)
    } else {
        report(connection)
    }
}

/// The audit of what a connection sees.
pub(super) fn report(db: &Connection) -> Result<AuditReport> {
    let next_sequence = db.query_row("SELECT next_sequence FROM meta", [], |row| row.get(0))?;
    let mut epochs = db.prepare("SELECT epoch FROM epochs ORDER BY epoch")?;
    let epochs: Vec<i64> = epochs.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    let mut laws = Vec::new();
    for epoch in epochs {
        laws.extend([
            entries_balance(db, epoch)?,
            money_is_conserved(db, epoch)?,
            purses(db, epoch)?,
            fees(db, epoch)?,
            grants(db, epoch)?,
            purses_are_not_empty(db, epoch)?,
            escrow_is_not_negative(db, epoch)?,
            pairs(db, epoch)?,
            collateral(db, epoch)?,
            both_sides(db, epoch)?,
        ]);
        laws.extend(orders(db, epoch)?);
    }
    Ok(AuditReport { next_sequence, laws })
}

/// A law over rows that each have two figures.
#[expect(clippy::too_many_arguments, reason = "a law is all of these, and is written down in one place")]
fn each(
    db: &Connection,
    epoch: i64,
    says: &'static str,
    unit: Unit,
    sql: &str,
    name: impl Fn(i64, i64, i64) -> String,
) -> Result<Law> {
    let mut law = Law { epoch, says, unit, found: 0, expected: 0, broken: None };
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([epoch])?;
    while let Some(row) = rows.next()? {
        let (id, found, expected): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        law.found += i128::from(found);
        law.expected += i128::from(expected);
        if found != expected && law.broken.is_none() {
            law.broken = Some(name(id, found, expected));
        }
    }
    Ok(law)
}

/// A law of two figures.
fn two(db: &Connection, epoch: i64, says: &'static str, sql: &str) -> Result<Law> {
    let (found, expected): (i64, i64) = db.query_row(sql, [epoch], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (found, expected) = (i128::from(found), i128::from(expected));
    Ok(Law { epoch, says, unit: Unit::Dollars, found, expected, broken: None })
}

fn plain(micros: i64) -> String {
    format_scaled(micros, 6, 2)
}

/// Entries are numbered and their lines stand together, so that one pass over the table is enough.
fn entries_balance(db: &Connection, epoch: i64) -> Result<Law> {
    let mut law = Law {
        epoch,
        says: "postings of every entry sum to zero",
        unit: Unit::Dollars,
        found: 0,
        expected: 0,
        broken: None,
    };
    let mut statement =
        db.prepare("SELECT id >> 2, sequence, amount FROM postings WHERE +epoch = ? ORDER BY id")?;
    let mut rows = statement.query([epoch])?;
    let (mut entry, mut of, mut sum) = (-1, -1, 0_i128);
    let mut check = |entry: i64, of: i64, sum: i128| {
        if sum != 0 && law.broken.is_none() {
            law.broken = Some(format!("entry {entry} of record {of} sums to {sum} micro-dollars"));
        }
        law.found += sum;
    };
    while let Some(row) = rows.next()? {
        let (id, sequence, amount): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if id != entry {
            check(entry, of, sum);
            (entry, of, sum) = (id, sequence, 0);
        }
        sum += i128::from(amount);
    }
    check(entry, of, sum);
    Ok(law)
}

/// Fees, from what fills, markets and payments say of themselves.
const COLLECTED: &str = "((SELECT coalesce(sum(fee), 0) FROM fills WHERE +epoch = ?1) \
   + (SELECT coalesce(sum(dust), 0) FROM markets WHERE epoch = ?1) \
   + (SELECT coalesce(sum(amount - share), 0) FROM fee_payments WHERE epoch = ?1))";

/// Nobody has set less than nothing aside.
fn escrow_is_not_negative(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = format!(
        "SELECT owner, min(sum(amount), 0), 0 FROM postings WHERE +epoch = ?1 AND book = {} GROUP BY owner",
        Book::Escrow.code()
    );
    each(db, epoch, "nothing is paid that was not set aside", Unit::Dollars, &sql, |id, below, _| {
        format!("account {id} paid {} more than it had set aside", plain(-below))
    })
}

/// From what accounts, fills and markets say of themselves; of the postings, only collateral and what is set aside have
/// a part in it.
fn money_is_conserved(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = format!(
        "SELECT (SELECT coalesce(sum(cash), 0) FROM accounts WHERE epoch = ?1) \
           + (SELECT coalesce(sum(amount), 0) FROM postings WHERE +epoch = ?1 AND book IN ({}, {})) \
           + {COLLECTED}, \
         (SELECT coalesce(sum(granted) - sum(withdrawn), 0) FROM accounts WHERE epoch = ?1)",
        Book::Collateral.code(),
        Book::Escrow.code()
    );
    two(db, epoch, "cash + escrow + collateral + fees = granted - withdrawn", &sql)
}

fn purses(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = format!(
        "SELECT a.id, a.cash, coalesce(p.amount, 0) FROM accounts a LEFT JOIN \
           (SELECT owner, sum(amount) AS amount FROM postings WHERE +epoch = ?1 AND book = {} GROUP BY owner) p \
         ON p.owner = a.id WHERE a.epoch = ?1",
        Book::Purse.code()
    );
    each(
        db,
        epoch,
        "cash of every account = its purse's postings",
        Unit::Dollars,
        &sql,
        |id, cash, posted| format!("account {id} has {}, its postings sum to {}", plain(cash), plain(posted)),
    )
}

fn fees(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = format!(
        "SELECT (SELECT coalesce(sum(amount), 0) FROM postings WHERE +epoch = ?1 AND book = {}), \
           {COLLECTED}",
        Book::Fees.code()
    );
    two(db, epoch, "fees posted = fees of fills + dust of settlements + kept of others' fees", &sql)
}

fn grants(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = format!(
        "SELECT (SELECT -coalesce(sum(amount), 0) FROM postings WHERE +epoch = ?1 AND book = {}), \
           (SELECT coalesce(sum(granted) - sum(withdrawn), 0) FROM accounts WHERE epoch = ?1)",
        Book::World.code()
    );
    two(db, epoch, "given by the world = granted - withdrawn", &sql)
}

fn purses_are_not_empty(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = "SELECT id, min(cash, cash - reserved, 0), 0 FROM accounts WHERE epoch = ? AND NOT is_house";
    each(db, epoch, "no purse is below zero, but the house's", Unit::Dollars, sql, |id, below, _| {
        format!("account {id} is {} short", plain(-below))
    })
}

fn pairs(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = "SELECT market, sum(iif(outcome = 0, shares, 0)), sum(iif(outcome = 1, shares, 0)) \
               FROM positions WHERE epoch = ?1 AND market NOT IN \
               (SELECT id FROM markets WHERE epoch = ?1 AND payout IS NOT NULL) GROUP BY market";
    each(db, epoch, "YES outstanding = NO outstanding, market by market", Unit::Shares, sql, |id, yes, no| {
        format!("market {id} has {} YES and {} NO", plain(yes), plain(no))
    })
}

/// Before resolution a pair is worth a dollar. After it, collateral is what the shares still held will be
/// paid; of a halved market, half a micro-dollar more for every odd holding that was paid before.
fn collateral(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = format!(
        "SELECT m.id, coalesce(c.amount, 0), CASE \
           WHEN m.payout IS NULL OR m.payout = 0 THEN coalesce(p.yes, 0) \
           WHEN m.payout = 1 THEN coalesce(p.no, 0) \
           WHEN p.yes + p.no > 0 THEN (p.yes + p.no + coalesce(s.odd, 0)) / 2 \
           ELSE 0 END \
         FROM markets m \
         LEFT JOIN (SELECT owner, sum(amount) AS amount FROM postings WHERE +epoch = ?1 AND book = {} \
           GROUP BY owner) c ON c.owner = m.id \
         LEFT JOIN (SELECT market, sum(iif(outcome = 0, shares, 0)) AS yes, \
           sum(iif(outcome = 1, shares, 0)) AS no FROM positions WHERE epoch = ?1 GROUP BY market) p \
           ON p.market = m.id \
         LEFT JOIN (SELECT market, sum(shares % 2) AS odd FROM settlements WHERE epoch = ?1 GROUP BY market) s \
           ON s.market = m.id \
         WHERE m.epoch = ?1",
        Book::Collateral.code()
    );
    let says = "collateral of every market = what its shares are backed by";
    each(db, epoch, says, Unit::Dollars, &sql, |id, held, owed| {
        format!("market {id} holds {}, its shares need {}", plain(held), plain(owed))
    })
}

/// Both rows of a trade are there, and of as many shares.
fn both_sides(db: &Connection, epoch: i64) -> Result<Law> {
    let sql = "SELECT id >> 1, sum(iif(id & 1, shares, 0)), sum(iif(id & 1, 0, shares)) FROM fills \
               WHERE +epoch = ? GROUP BY id >> 1";
    each(
        db,
        epoch,
        "takers' shares = makers' shares, trade by trade",
        Unit::Shares,
        sql,
        |id, taken, made| format!("in trade {id} {} were taken, {} given", plain(taken), plain(made)),
    )
}

fn orders(db: &Connection, epoch: i64) -> Result<[Law; 3]> {
    let law = |says, unit| Law { epoch, says, unit, found: 0, expected: 0, broken: None };
    let mut laws = [
        law("filled of every order = its fills' shares", Unit::Shares),
        law("notional of every order = its fills'", Unit::Dollars),
        law("fee of every order = its fills'", Unit::Dollars),
    ];
    let mut statement = db.prepare(
        "SELECT o.id, o.filled, f.shares, o.notional, f.notional, o.fee, f.fee FROM orders o LEFT JOIN \
           (SELECT order_id, sum(shares) AS shares, sum(notional) AS notional, sum(fee) AS fee FROM fills \
            WHERE +epoch = ?1 GROUP BY order_id) f ON f.order_id = o.id \
         WHERE +o.epoch = ?1 AND (o.filled <> 0 OR o.notional <> 0 OR o.fee <> 0 OR f.shares IS NOT NULL)",
    )?;
    let mut rows = statement.query([epoch])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        for (at, law) in (0..3).zip(&mut laws) {
            let (found, fills): (i64, Option<i64>) = (row.get(1 + 2 * at)?, row.get(2 + 2 * at)?);
            let expected = fills.unwrap_or(0);
            law.found += i128::from(found);
            law.expected += i128::from(expected);
            if found != expected && law.broken.is_none() {
                law.broken = Some(format!("order {id} says {}, its fills {}", plain(found), plain(expected)));
            }
        }
    }
    Ok(laws)
}

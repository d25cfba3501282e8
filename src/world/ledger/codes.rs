//! How words stand in the tables: small numbers that never change their meaning.

use super::row::ConversionKind;
use crate::identity::{Scheme, Tier};
use crate::types::{CloseReason, OrderKind, Outcome, Payout, Price, Side, Venue};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row, Statement, ToSql};

/// A word with a number.
pub(super) trait Code: Sized {
    /// Its number.
    fn code(self) -> i64;
    /// The word of a number.
    fn of(code: i64) -> Option<Self>;
}

macro_rules! codes {
    ($($type:ty { $($word:path = $code:literal),* $(,)? })*) => {$(
        impl Code for $type {
            fn code(self) -> i64 {
                match self { $($word => $code),* }
            }
            fn of(code: i64) -> Option<Self> {
                match code {
                    $($code => Some($word),)*
                    _ => None,
                }
            }
        }
    )*};
}

/// What became of an order so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderStatus {
    /// It rests, or part of it does.
    Open,
    /// All of it traded.
    Filled,
    /// Part of it traded at once and the rest, which might not wait, was dropped.
    Cut,
    /// It was taken back, by its owner or for any other reason.
    Canceled,
    /// Its GTD moment came.
    Expired,
}

/// How a position was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// Its shares were sold, or merged with those of the other outcome.
    Trade,
    /// Its market was resolved and it was paid.
    Settlement,
    /// Its account was started over.
    Reset,
}

/// Which account of the double entry a posting is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Book {
    /// Where grants come from.
    World,
    /// What was collected.
    Fees,
    /// One account's cash.
    Purse,
    /// What backs one market's pairs.
    Collateral,
    /// What one account has set aside for others' fees.
    Escrow,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A grant, or a withdrawal.
    Grant,
    /// A trade.
    Trade,
    /// Dollars became pairs, or pairs dollars.
    Conversion,
    /// A resolved market paid.
    Settlement,
    /// What halving cut off went to fees.
    Dust,
    /// Cash was set aside for others' fees, given back, or paid.
    Escrow,
}

/// Whether a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketStatus {
    /// It does.
    Open,
    /// Not now.
    Halted,
    /// Never again.
    Resolved,
}

codes! {
    Outcome { Outcome::Yes = 0, Outcome::No = 1 }
    Side { Side::Buy = 0, Side::Sell = 1 }
    OrderKind { OrderKind::Limit = 0, OrderKind::Market = 1 }
    Venue { Venue::Polymarket = 0, Venue::Kalshi = 1 }
    OrderStatus {
        OrderStatus::Open = 0, OrderStatus::Filled = 1, OrderStatus::Cut = 2, OrderStatus::Canceled = 3,
        OrderStatus::Expired = 4,
    }
    CloseReason {
        CloseReason::Filled = 0, CloseReason::Canceled = 1, CloseReason::Unfilled = 2,
        CloseReason::SelfTrade = 3, CloseReason::GtdExpired = 4, CloseReason::HeartbeatMissed = 5,
        CloseReason::MarketResolved = 6, CloseReason::AccountReset = 7,
    }
    ClosedBy { ClosedBy::Trade = 0, ClosedBy::Settlement = 1, ClosedBy::Reset = 2 }
    Book {
        Book::World = 0, Book::Fees = 1, Book::Purse = 2, Book::Collateral = 3,
        Book::Escrow = 4,
    }
    Cause {
        Cause::Grant = 0, Cause::Trade = 1, Cause::Conversion = 2, Cause::Settlement = 3, Cause::Dust = 4,
        Cause::Escrow = 5,
    }
    MarketStatus { MarketStatus::Open = 0, MarketStatus::Halted = 1, MarketStatus::Resolved = 2 }
    Tier { Tier::Free = 0, Tier::Pro = 1, Tier::ProPlus = 2, Tier::Enterprise = 3 }
    Scheme { Scheme::Polysim = 0, Scheme::Parsec = 1, Scheme::Papi = 2, Scheme::Clob = 3 }
    ConversionKind {
        ConversionKind::Split = 0, ConversionKind::Merge = 1, ConversionKind::Convert = 2,
    }
}

impl Code for Payout {
    fn code(self) -> i64 {
        match self {
            Self::Winner(outcome) => outcome.code(),
            Self::Split => 2,
        }
    }
    fn of(code: i64) -> Option<Self> {
        if code == 2 { Some(Self::Split) } else { Outcome::of(code).map(Self::Winner) }
    }
}

impl Code for Price {
    fn code(self) -> i64 {
        i64::from(self.ten_thousandths())
    }
    fn of(code: i64) -> Option<Self> {
        u16::try_from(code).ok().and_then(Self::new)
    }
}

impl Code for bool {
    fn code(self) -> i64 {
        i64::from(self)
    }
    fn of(code: i64) -> Option<Self> {
        match code {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl OrderStatus {
    /// What a reason to close makes of an order of which something had traded, or nothing.
    #[must_use]
    pub fn closed(reason: CloseReason, has_traded: bool) -> Self {
        match reason {
            CloseReason::Filled => Self::Filled,
            CloseReason::Unfilled | CloseReason::SelfTrade if has_traded => Self::Cut,
            CloseReason::GtdExpired => Self::Expired,
            CloseReason::Canceled
            | CloseReason::Unfilled
            | CloseReason::SelfTrade
            | CloseReason::HeartbeatMissed
            | CloseReason::MarketResolved
            | CloseReason::AccountReset => Self::Canceled,
        }
    }
}

/// A number of a sequence as `SQLite` keeps it.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).expect("BUG: a sequence beyond 63 bits")
}

/// A word in a column.
pub(super) struct Coded<T>(pub(super) T);

impl<T: Code> FromSql for Coded<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let code = value.as_i64()?;
        T::of(code).map(Coded).ok_or(FromSqlError::OutOfRange(code))
    }
}

impl<T: Code + Copy> ToSql for Coded<T> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.0.code().into())
    }
}

/// The parameters of a statement, one after the other.
pub(super) struct Binder<'a, 'conn> {
    pub(super) statement: &'a mut Statement<'conn>,
    /// How many are bound.
    pub(super) bound: usize,
}

impl Binder<'_, '_> {
    /// Binds the next one.
    pub(super) fn put(&mut self, value: impl ToSql) -> Result<()> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }

    /// Binds the next ones.
    pub(super) fn ints<const N: usize>(&mut self, values: [i64; N]) -> Result<()> {
        values.into_iter().try_for_each(|value| self.put(value))
    }

    /// Binds a word, or nothing.
    pub(super) fn maybe<T: Code>(&mut self, word: Option<T>) -> Result<()> {
        self.put(word.map(Code::code))
    }
}

/// The columns of a row, one after the other.
pub(super) struct Columns<'a, 'row> {
    row: &'a Row<'row>,
    read: usize,
}

impl<'a, 'row> Columns<'a, 'row> {
    pub(super) fn of(row: &'a Row<'row>) -> Self {
        Self { row, read: 0 }
    }

    /// The next one.
    pub(super) fn take<T: FromSql>(&mut self) -> Result<T> {
        self.read += 1;
        self.row.get(self.read - 1)
    }

    /// The next one, a place in a sequence.
    pub(super) fn number(&mut self) -> Result<u64> {
        let number: i64 = self.take()?;
        u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(self.read - 1, number))
    }

    /// The next one, a word.
    pub(super) fn word<T: Code>(&mut self) -> Result<T> {
        self.take::<Coded<T>>().map(|coded| coded.0)
    }

    /// The next one, a word or nothing.
    pub(super) fn maybe<T: Code>(&mut self) -> Result<Option<T>> {
        Ok(self.take::<Option<Coded<T>>>()?.map(|coded| coded.0))
    }
}

//! Trades and settlements as CSV (§15): RFC 4180, a header first, the newest row first.

use super::account::{day_filter, settlement_row};
use super::auth::Owner;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::order_wire::trade_row;
use crate::http::Endpoint;
use crate::service::Catalog;
use crate::service::callers::MayRead;
use crate::service::history::{FillFilter, FillRow, SettlementFilter, SettlementRow};
use crate::types::{DAY_MS, MarketId, Reject, Timestamp, index};
use actix_web::http::Method;
use actix_web::web::block;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Rows of one export. Of more, the newest are shown, and a last line says so.
const ROWS_MAX: u32 = 10_000;

const TRADE_COLUMNS: [&str; 14] = [
    "order_id",
    "market_id",
    "market_question",
    "wallet_id",
    "side",
    "outcome",
    "price",
    "quantity",
    "notional",
    "fee",
    "price_source",
    "client_order_id",
    "created_at",
    "filled_at",
];

const SETTLEMENT_COLUMNS: [&str; 13] = [
    "position_id",
    "market_id",
    "market_question",
    "outcome",
    "wallet_id",
    "quantity",
    "avg_entry_price",
    "cost_basis",
    "payout",
    "payout_per_share",
    "realized_pnl",
    "result",
    "settled_at",
];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/export/trades.csv", get_trades),
        endpoint(Method::GET, "/v1/export/settlements.csv", get_settlements),
    ]
}

#[derive(Deserialize)]
struct Filter {
    wallet_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    market_id: Option<String>,
}

/// What is exported. Both ends of the time are included.
struct Wanted {
    permit: MayRead,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    market: Market,
}

/// On which market.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Market {
    Any,
    This(MarketId),
    /// One that is not there.
    Unknown,
}

impl Market {
    fn id(self) -> Option<MarketId> {
        if let Self::This(market) = self { Some(market) } else { None }
    }
}

fn wanted(call: &Call<Owner>, catalog: &Catalog) -> Result<Wanted, Failure> {
    let filter: Filter = call.query()?;
    let wallet = filter.wallet_id.as_deref().filter(|id| !id.is_empty()).unwrap_or("all");
    let named = filter.market_id.as_deref().filter(|id| !id.is_empty());
    Ok(Wanted {
        permit: call.who.exports(&call.service, Some(wallet))?,
        from: day_filter("from", filter.from.as_deref(), 0)?,
        to: day_filter("to", filter.to.as_deref(), DAY_MS - 1)?,
        market: named
            .map_or(Market::Any, |id| catalog.by_condition(id).map_or(Market::Unknown, Market::This)),
    })
}

async fn get_trades(call: Call<Owner>) -> Answer {
    let catalog = call.service.catalog();
    let Wanted { permit, from, to, market } = wanted(&call, &catalog)?;
    let filter = FillFilter {
        markets: market.id().into_iter().collect(),
        from,
        before: to.map(|to| to.plus_millis(1)),
        limit: ROWS_MAX + 1,
        ..FillFilter::default()
    };
    let fills = if market == Market::Unknown {
        Vec::new()
    } else {
        call.service.named_fills(&permit, filter).await?
    };
    let row = move |(fill, client_order_id): &(FillRow, Option<Box<str>>)| {
        trade(fill, client_order_id.as_deref(), &catalog)
    };
    attached("trades.csv", move || csv(&TRADE_COLUMNS, &fills, row)).await
}

fn trade(fill: &FillRow, client_order_id: Option<&str>, catalog: &Catalog) -> Option<Map<String, Value>> {
    let spec = catalog.get(fill.market)?;
    let Value::Object(mut row) = trade_row(fill, spec) else { return None };
    row.insert("market_question".to_owned(), spec.facts.question.clone().into());
    row.insert("wallet_id".to_owned(), fill.account.0.into());
    row.insert("client_order_id".to_owned(), client_order_id.into());
    Some(row)
}

async fn get_settlements(call: Call<Owner>) -> Answer {
    let catalog = call.service.catalog();
    let Wanted { permit, from, to, market } = wanted(&call, &catalog)?;
    let filter =
        SettlementFilter { market: market.id(), from, to, limit: ROWS_MAX + 1, ..Default::default() };
    let rows = if market == Market::Unknown {
        Vec::new()
    } else {
        call.service.settlements(&permit, filter).await?
    };
    let row = move |row: &SettlementRow| Some(settlement_row(row, catalog.get(row.market)?));
    attached("settlements.csv", move || csv(&SETTLEMENT_COLUMNS, &rows, row)).await
}

/// A file to keep, written off the threads that serve others meanwhile.
async fn attached(name: &str, write: impl FnOnce() -> Vec<u8> + Send + 'static) -> Answer {
    let text = block(write).await.map_err(|_| Reject::Internal)?;
    let reply = Reply::text(text, "text/csv; charset=utf-8");
    Ok(reply.with("Content-Disposition", format!("attachment; filename=\"{name}\"")))
}

/// The cells of each row that the columns name, quoted as RFC 4180 has it.
fn csv<Row>(columns: &[&str], rows: &[Row], cells: impl Fn(&Row) -> Option<Map<String, Value>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut write = |record: Vec<String>| writer.write_record(&record).expect("BUG: a row of another length");
    write(columns.iter().map(|column| (*column).to_owned()).collect());
    for row in rows.iter().take(index(ROWS_MAX)).filter_map(cells) {
        write(columns.iter().map(|column| cell(row.get(*column))).collect());
    }
    let mut text = writer.into_inner().expect("BUG: memory takes every write");
    if rows.len() > index(ROWS_MAX) {
        text.extend_from_slice(format!("# truncated at {ROWS_MAX} rows\r\n").as_bytes());
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: usize) -> String {
        let rows: Vec<usize> = (0..rows).collect();
        let cells = |row: &usize| {
            let cell = if *row == 0 { "a \"quoted\", comma".into() } else { Value::from(*row) };
            Some(Map::from_iter([("one".to_owned(), cell)]))
        };
        String::from_utf8(csv(&["one", "two"], &rows, cells)).expect("it is text")
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_empty_where_there_is_nothing() {
        assert_eq!(text(0), "one,two\r\n");
        assert_eq!(text(2), "one,two\r\n\"a \"\"quoted\"\", comma\",\r\n1,\r\n");
    }

    #[test]
    fn what_is_cut_off_is_said_in_the_last_line() {
        let most = index(ROWS_MAX);
        assert_eq!(text(most).lines().count(), most + 1);
        let cut = text(most + 1);
        assert_eq!(cut.lines().count(), most + 2);
        assert_eq!(cut.lines().last(), Some("# truncated at 10000 rows"));
    }
}

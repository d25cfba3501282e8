//! `/orders`: placed, shown and taken back (§§7.2 to 7.5).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::credentials::given;
use super::error::Failure;
use super::order_wire::{Asked, Shown, TERMS};
use super::params::{limit, seconds, until};
use super::selector::{exchange_of, market_filter, market_of, outcome_of};
use super::text::order_id;
use crate::http::Endpoint;
use crate::service::ExchangeReceipt;
use crate::service::callers::MayRead;
use crate::service::history::{OrderFilter, OrderRow, OrderStatus};
use crate::service::markets::tick_of;
use crate::service::orders::{NotCanceled, Placed, Wish};
use crate::types::{AccountId, NewOrder, OrderId, OrderKind, Reject, Size, Timestamp};
use actix_web::http::Method;

/// Orders that a list of open ones shows at most: as many as one account may have is more than anybody reads.
const OPEN_MAX: usize = 10_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/orders", post_order),
        endpoint(Method::GET, "/orders", get_orders),
        endpoint(Method::GET, "/orders/{order_id}", get_order),
        endpoint(Method::DELETE, "/orders/{order_id}", delete_order),
    ]
}

async fn post_order(call: Call<Asker>) -> Answer {
    let exchange = exchange_of(&call)?;
    let asked = Asked::read(&call.body)?;
    let venue = exchange.trades()?;
    asked.must_be_supported(venue)?;
    let given = given(&call, venue, asked.credentials.as_ref())?;
    let Call { who: Asker(customer), service, .. } = &call;
    let permit = service.may_trade_venue(customer, venue, given.as_ref()).await?;
    let chosen = market_of(&service.catalog(), venue, &asked.market_id)?;
    let outcome = outcome_of(&chosen.spec, Some(&asked.outcome))?;
    let (limit, size) = (asked.price.on(tick_of(&chosen.spec))?, asked.size.in_lots(chosen.spec.lot)?);
    let order = NewOrder {
        // The permit's, once it is placed.
        account: AccountId::default(),
        market: chosen.market,
        outcome,
        side: asked.side,
        kind: OrderKind::Limit,
        size: Size::Shares(size),
        limit,
        tif: asked.tif,
        post_only: false,
        terms: TERMS,
    };
    let wish = Wish { order, claim: None, client_order_id: None, signed: None };
    let placed = service.place_for((customer, &permit), venue, wish, || asked.fee()).await?;
    let Placed::New(ExchangeReceipt::Placed { order, filled, closed, at, .. }) = placed else {
        return Err(Reject::Internal.into());
    };
    let shown = Shown {
        order,
        outcome,
        side: asked.side,
        limit,
        size,
        filled,
        is_over: Shown::over(closed),
        created_at: at,
        updated_at: (filled.is_positive() || closed.is_some()).then_some(at),
    };
    Ok(Reply::json(&shown.wire(&chosen.spec)))
}

async fn get_orders(call: Call<Asker>) -> Answer {
    let exchange = exchange_of(&call)?;
    let (statuses, usual, most) = match call.query("status").as_deref() {
        None | Some("open") => (vec![OrderStatus::Open], OPEN_MAX, OPEN_MAX),
        Some("closed") => (CLOSED.to_vec(), 100, 500),
        Some("all") => (Vec::new(), 100, 500),
        Some(_) => return Err(Failure::bad_request("status must be open, closed or all")),
    };
    let limit = u32::try_from(limit(&call, "limit", usual, most)?).unwrap_or(u32::MAX);
    let (from, last) = (seconds(&call, "start_ts")?, until(&call, "end_ts")?);
    let venue = exchange.trades()?;
    let given = given(&call, venue, None)?;
    let Call { who: Asker(customer), service, .. } = &call;
    let permit = service.may_read_venue(customer, venue, given.as_ref()).await?;
    let filter = OrderFilter {
        markets: market_filter(&call, service, venue)?.into_iter().collect(),
        statuses,
        from,
        before: last.map(|last| last.plus_millis(1)),
        limit,
        ..OrderFilter::default()
    };
    let rows = service.timed_orders(&permit, filter).await?;
    let catalog = service.catalog();
    let specs = rows.iter().filter_map(|(row, at)| Some((row, *at, catalog.get(row.market)?)));
    let wires: Vec<_> = specs.map(|(row, at, spec)| Shown::of(row, at).wire(spec)).collect();
    Ok(Reply::json(&wires))
}

const CLOSED: [OrderStatus; 4] =
    [OrderStatus::Filled, OrderStatus::Cut, OrderStatus::Canceled, OrderStatus::Expired];

async fn get_order(call: Call<Asker>) -> Answer {
    let venue = exchange_of(&call)?.trades()?;
    let given = given(&call, venue, None)?;
    let Call { who: Asker(customer), service, .. } = &call;
    let permit = service.may_read_venue(customer, venue, given.as_ref()).await?;
    let order = named(&call)?;
    show(&call, &permit, order).await
}

async fn delete_order(call: Call<Asker>) -> Answer {
    let venue = exchange_of(&call)?.trades()?;
    let given = given(&call, venue, None)?;
    let Call { who: Asker(customer), service, .. } = &call;
    let permit = service.may_trade_venue(customer, venue, given.as_ref()).await?;
    let order = named(&call)?;
    let mut outcomes = service.cancel(&[permit], &[order]).await?.into_iter();
    match outcomes.next() {
        Some(Ok(_)) => show(&call, &permit.reads(), order).await,
        // A cancel that comes twice must not fail the second time (§7.5).
        Some(Err(NotCanceled::Over(row))) if row.now.status != OrderStatus::Filled => {
            wire(&call, &row, row.closed_at)
        }
        Some(Err(NotCanceled::Over(_))) => Err(Reject::OrderNotOpen.into()),
        Some(Err(NotCanceled::Refused(reject))) => Err(reject.into()),
        None => Err(Reject::Internal.into()),
    }
}

/// The order that the path names.
fn named(call: &Call<Asker>) -> Result<OrderId, Failure> {
    let id = call.path("order_id");
    let number = id.strip_prefix("order_").and_then(|digits| digits.parse().ok()).map(OrderId);
    // An id has one spelling.
    number.filter(|number| order_id(*number) == id).ok_or_else(Failure::order_not_found)
}

async fn show(call: &Call<Asker>, permit: &MayRead, order: OrderId) -> Answer {
    let filter = OrderFilter { ids: vec![order], limit: 1, ..OrderFilter::default() };
    let rows = call.service.timed_orders(permit, filter).await?;
    let (row, at) = rows.into_iter().next().ok_or_else(Failure::order_not_found)?;
    wire(call, &row, at)
}

fn wire(call: &Call<Asker>, row: &OrderRow, updated_at: Option<Timestamp>) -> Answer {
    let catalog = call.service.catalog();
    let spec = catalog.get(row.market).ok_or_else(Failure::order_not_found)?;
    Ok(Reply::json(&Shown::of(row, updated_at).wire(spec)))
}

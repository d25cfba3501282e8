//! The two sockets of the CLOB.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::time::timeout;

use crate::common::{Bot, Listing, Server, book_of, eventually, first};
use crate::sdk;
use crate::sdk::clob::types::response::OrderBookSummaryResponse;
use crate::sdk::clob::types::{Side, TraderSide};
use crate::sdk::clob::ws::types::response::{BookUpdate, OrderMessageType, TradeMessageStatus};
use crate::sdk::clob::ws::{OrderMessage, PriceChange, PriceChangeBatchEntry};
use crate::sdk::types::{Decimal, U256};

#[tokio::test]
async fn the_market_socket_begins_with_the_book_and_follows_it() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let (price, ten) = (listing.inside(1), Decimal::TEN);
    let sockets = server.sockets();
    let mut books = Box::pin(sockets.subscribe_orderbook(vec![listing.yes]).unwrap());
    let mut changes = Box::pin(sockets.subscribe_prices(vec![listing.yes]).unwrap());
    let mut lasts = Box::pin(sockets.subscribe_last_trade_price(vec![listing.yes]).unwrap());

    let snapshot = first(&mut books, |_| true).await;
    assert_same(&snapshot, &bot.clob.order_book(&book_of(listing.yes)).await.unwrap());

    let placed = bot.limit(listing.yes, Side::Buy, price, ten).await.unwrap();
    let change = first(&mut changes, |change| entry(change, listing.yes).is_some()).await;
    assert_eq!(change.market, listing.condition);
    let level = entry(&change, listing.yes).unwrap();
    assert_eq!((level.side, level.price, level.size), (Side::Buy, price, Some(ten)));
    assert_eq!((level.best_bid, level.best_ask), (Some(price), Some(listing.ask)));
    assert_eq!(level.hash, bot.clob.order_book(&book_of(listing.yes)).await.unwrap().hash);
    let mirror = entry(&change, listing.no).unwrap();
    assert_eq!((mirror.side, mirror.price, mirror.size), (Side::Sell, Decimal::ONE - price, Some(ten)));

    bot.clob.cancel_order(&placed.order_id).await.unwrap();
    let change = first(&mut changes, |change| entry(change, listing.yes).is_some()).await;
    let level = entry(&change, listing.yes).unwrap();
    assert_eq!((level.price, level.size, level.best_bid), (price, Some(Decimal::ZERO), Some(listing.bid)));

    bot.stock_up(&listing, ten).await;
    let last = first(&mut lasts, |_| true).await;
    assert_eq!((last.market, last.asset_id), (listing.condition, listing.yes));
    assert_eq!((last.price, last.side, last.size), (listing.ask, Some(Side::Buy), Some(ten)));
    let book = first(&mut books, |book| book.asks.last().unwrap().size == Decimal::from(190)).await;
    assert_same(&book, &bot.clob.order_book(&book_of(listing.yes)).await.unwrap());
}

#[tokio::test]
async fn the_market_socket_tells_the_best_prices_and_the_end_to_those_who_ask() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let sockets = server.sockets();
    let mut bests = Box::pin(sockets.subscribe_best_bid_ask(vec![listing.yes]).unwrap());
    let mut ends = Box::pin(sockets.subscribe_market_resolutions(vec![listing.yes]).unwrap());
    let mut books = Box::pin(sockets.subscribe_orderbook(vec![listing.yes]).unwrap());
    first(&mut books, |_| true).await;

    let price = listing.inside(1);
    bot.limit(listing.yes, Side::Buy, price, Decimal::TEN).await.unwrap();
    let best = first(&mut bests, |best| best.best_bid == price).await;
    assert_eq!((best.best_ask, best.spread), (listing.ask, listing.ask - price));

    let winner = &listing.market.tokens[0].outcome;
    server.resolve(listing.condition, winner).await;
    let end = first(&mut ends, |_| true).await;
    assert_eq!((end.market, end.winning_asset_id), (listing.condition, listing.yes));
    assert_eq!(&end.winning_outcome, winner);
}

#[tokio::test]
async fn the_user_socket_tells_a_wallet_of_its_own_orders_and_fills() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let (maker, taker) = (Bot::fresh(&server).await, Bot::fresh(&server).await);
    let (price, ten) = (listing.inside(2), Decimal::TEN);
    taker.stock_up(&listing, ten).await;
    let login = server.sockets().authenticate(maker.clob.credentials().clone(), maker.address());
    let sockets = login.unwrap();
    let mut orders = Box::pin(sockets.subscribe_orders(vec![listing.condition]).unwrap());
    let mut trades = Box::pin(sockets.subscribe_trades(vec![listing.condition]).unwrap());
    wait_until_heard(&maker, &listing, &mut orders).await;

    let resting = maker.limit(listing.yes, Side::Buy, price, Decimal::from(15)).await.unwrap().order_id;
    let sold = taker.limit(listing.yes, Side::Sell, price, ten).await.unwrap();
    maker.clob.cancel_order(&resting).await.unwrap();

    let placement = first(&mut orders, |order| order.id == resting).await;
    assert_eq!(placement.msg_type, Some(OrderMessageType::Placement));
    assert_eq!((placement.market, placement.asset_id), (listing.condition, listing.yes));
    assert_eq!((placement.side, placement.price), (Side::Buy, price));
    assert_eq!((placement.original_size, placement.owner), (Some(Decimal::from(15)), Some(maker.key())));
    let update = first(&mut orders, |order| order.id == resting).await;
    assert_eq!((update.msg_type, update.size_matched), (Some(OrderMessageType::Update), Some(ten)));
    let end = first(&mut orders, |order| order.id == resting).await;
    assert_eq!((end.msg_type, end.size_matched), (Some(OrderMessageType::Cancellation), Some(ten)));

    let trade = first(&mut trades, |trade| trade.status == TradeMessageStatus::Confirmed).await;
    let told = maker.trade_of(&sold.order_id).await;
    assert_eq!((trade.id, trade.transaction_hash), (told.id, Some(told.transaction_hash)));
    assert_eq!(trade.taker_order_id, Some(sold.order_id));
    assert_eq!((trade.market, trade.asset_id), (listing.condition, listing.yes));
    assert_eq!((trade.side, trade.size, trade.price), (Side::Sell, ten, price));
    assert_eq!(trade.trader_side, Some(TraderSide::Maker));
    assert_eq!(trade.maker_orders.len(), 1);
    let filled = &trade.maker_orders[0];
    assert_eq!((&filled.order_id, filled.owner), (&resting, maker.key()));
    assert_eq!((filled.matched_amount, filled.price), (ten, price));
}

/// A subscription is not acknowledged: orders are placed until the socket speaks of one, and all of them withdrawn.
async fn wait_until_heard(
    bot: &Bot,
    listing: &Listing,
    orders: &mut (impl Stream<Item = sdk::Result<OrderMessage>> + Unpin),
) {
    eventually("the user socket speaks", async || {
        bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::from(5)).await.unwrap();
        timeout(Duration::from_millis(200), orders.next()).await.ok().flatten()
    })
    .await
    .expect("the client can read it");
    bot.clob.cancel_all_orders().await.unwrap();
}

fn entry(change: &PriceChange, token: U256) -> Option<&PriceChangeBatchEntry> {
    change.price_changes.iter().find(|entry| entry.asset_id == token)
}

fn assert_same(told: &BookUpdate, asked: &OrderBookSummaryResponse) {
    assert_eq!((told.market, told.asset_id), (asked.market, asked.asset_id));
    assert_eq!(told.timestamp, asked.timestamp.timestamp_millis());
    assert_eq!(told.hash, asked.hash);
    for (told, asked) in [(&told.bids, &asked.bids), (&told.asks, &asked.asks)] {
        let told: Vec<_> = told.iter().map(|level| (level.price, level.size)).collect();
        let asked: Vec<_> = asked.iter().map(|level| (level.price, level.size)).collect();
        assert_eq!(told, asked);
    }
}

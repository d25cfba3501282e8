//! What anyone may look up: markets, books and prices.

use std::collections::BTreeSet;

use crate::common::{Listing, Server, book_of, every_market, refusal};
use crate::sdk::clob::types::Side;
use crate::sdk::clob::types::request::{MidpointRequest, PriceRequest, SpreadRequest};
use crate::sdk::clob::types::response::OrderSummary;
use crate::sdk::types::{B256, Decimal};

/// Shares at the five opening levels of either side, the best price first.
const OPENING_SIZES: [u32; 5] = [200, 400, 800, 1600, 3200];

#[tokio::test]
async fn the_list_of_markets_ends_and_names_each_market_once() {
    let server = Server::start();
    let visitor = server.visitor();

    let markets = every_market(&visitor).await;
    let ids: BTreeSet<_> = markets.iter().map(|market| market.condition_id).collect();
    assert_eq!(ids.len(), markets.len());
    assert!(markets.len() >= 106, "{}", markets.len());
    assert_eq!(markets.iter().filter(|market| market.neg_risk).count(), 71);

    for simple in visitor.simplified_markets(None).await.unwrap().data {
        let market = markets.iter().find(|market| market.condition_id == simple.condition_id).unwrap();
        assert_eq!(simple.tokens, market.tokens);
        assert_eq!(simple.closed, market.closed);
        assert_eq!(simple.accepting_orders, market.accepting_orders);
    }
}

#[tokio::test]
async fn a_market_alone_is_the_market_of_the_list() {
    let server = Server::start();
    let visitor = server.visitor();

    for market in every_market(&visitor).await.into_iter().take(5) {
        let condition = market.condition_id.unwrap().to_string();
        assert_eq!(visitor.market(&condition).await.unwrap(), market);
    }
    let unknown = visitor.market(&B256::ZERO.to_string()).await;
    assert_eq!(refusal(unknown), (404, "market not found".to_owned()));
}

#[tokio::test]
async fn tick_neg_risk_flag_and_fee_of_a_token_are_those_of_its_market() {
    let server = Server::start();
    let visitor = server.visitor();

    for (neg_risk, decimals) in [(false, 2), (true, 2), (true, 3)] {
        let tick = Decimal::new(1, decimals);
        let listing =
            Listing::find(&visitor, |market| market.neg_risk == neg_risk && market.minimum_tick_size == tick)
                .await;
        for token in [listing.yes, listing.no] {
            assert_eq!(visitor.tick_size(token).await.unwrap().minimum_tick_size.as_decimal(), tick);
            assert_eq!(visitor.neg_risk(token).await.unwrap().neg_risk, neg_risk);
            assert_eq!(visitor.fee_rate_bps(token).await.unwrap().base_fee, 0);
        }
    }
}

#[tokio::test]
async fn the_best_level_is_the_last_of_either_side() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;

    let book = server.visitor().order_book(&book_of(listing.yes)).await.unwrap();
    assert_eq!((book.market, book.asset_id), (listing.condition, listing.yes));
    assert_eq!(book.min_order_size, Decimal::from(5));
    assert_eq!(book.tick_size.as_decimal(), listing.tick);
    assert!(!book.neg_risk);
    assert_eq!(book.hash.as_deref().map(str::len), Some(40));

    for (level, size) in OPENING_SIZES.into_iter().enumerate() {
        let away = listing.tick * Decimal::from(level);
        let (bid, ask) = (&book.bids[4 - level], &book.asks[4 - level]);
        assert_eq!((bid.price, bid.size), (listing.bid - away, Decimal::from(size)));
        assert_eq!((ask.price, ask.size), (listing.ask + away, Decimal::from(size)));
    }
}

#[tokio::test]
async fn the_book_of_the_other_outcome_is_the_mirror() {
    let server = Server::start();
    let visitor = server.visitor();
    let listing = Listing::standard(&server).await;

    let yes = visitor.order_book(&book_of(listing.yes)).await.unwrap();
    let no = visitor.order_book(&book_of(listing.no)).await.unwrap();
    assert_eq!(mirrored(&yes.asks), plain(&no.bids));
    assert_eq!(mirrored(&yes.bids), plain(&no.asks));
}

#[tokio::test]
async fn prices_midpoint_and_spread_follow_from_the_book() {
    let server = Server::start();
    let visitor = server.visitor();
    let Listing { yes, bid, ask, .. } = Listing::standard(&server).await;
    let midpoint = (bid + ask) / Decimal::TWO;
    let price = |side| PriceRequest::builder().token_id(yes).side(side).build();
    let middle = || MidpointRequest::builder().token_id(yes).build();

    assert_eq!(visitor.price(&price(Side::Buy)).await.unwrap().price, bid);
    assert_eq!(visitor.price(&price(Side::Sell)).await.unwrap().price, ask);
    let both = visitor.prices(&[price(Side::Buy), price(Side::Sell)]).await.unwrap().prices.unwrap();
    assert_eq!((both[&yes][&Side::Buy], both[&yes][&Side::Sell]), (bid, ask));

    assert_eq!(visitor.midpoint(&middle()).await.unwrap().mid, midpoint);
    assert_eq!(visitor.midpoints(&[middle()]).await.unwrap().midpoints[&yes], midpoint);
    let spread = SpreadRequest::builder().token_id(yes).build();
    assert_eq!(visitor.spread(&spread).await.unwrap().spread, ask - bid);
}

fn plain(levels: &[OrderSummary]) -> Vec<(Decimal, Decimal)> {
    levels.iter().map(|level| (level.price, level.size)).collect()
}

fn mirrored(levels: &[OrderSummary]) -> Vec<(Decimal, Decimal)> {
    levels.iter().map(|level| (Decimal::ONE - level.price, level.size)).collect()
}

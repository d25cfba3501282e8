//! The four ways to cancel, and what each leaves alone.

use std::collections::BTreeSet;

use crate::common::{Bot, Listing, Server};
use crate::sdk::clob::types::request::CancelMarketOrderRequest;
use crate::sdk::clob::types::{OrderStatusType, Side};
use crate::sdk::types::{Decimal, U256};

#[tokio::test]
async fn an_order_is_canceled_once() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let order = rest(&bot, listing.yes, listing.inside(1)).await;

    let answer = bot.clob.cancel_order(&order).await.unwrap();
    assert_eq!(answer.canceled, [order.as_str()]);
    assert!(answer.not_canceled.is_empty());
    assert!(bot.open_orders().await.is_empty());
    assert_eq!(bot.clob.order(&order).await.unwrap().status, OrderStatusType::Canceled);

    let again = bot.clob.cancel_order(&order).await.unwrap();
    assert!(again.canceled.is_empty());
    assert!(again.not_canceled.contains_key(&order), "{again:?}");
}

#[tokio::test]
async fn several_orders_are_canceled_and_the_unknown_is_named() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let first = rest(&bot, listing.yes, listing.inside(1)).await;
    let second = rest(&bot, listing.yes, listing.inside(1)).await;
    let kept = rest(&bot, listing.yes, listing.inside(1)).await;
    let unknown = format!("0x{}", "f".repeat(64));

    let answer = bot.clob.cancel_orders(&[first.as_str(), second.as_str(), unknown.as_str()]).await.unwrap();
    assert_eq!(BTreeSet::from_iter(answer.canceled), BTreeSet::from([first, second]));
    assert_eq!(answer.not_canceled.len(), 1);
    assert!(answer.not_canceled.contains_key(&unknown));
    assert_eq!(open_ids(&bot).await, BTreeSet::from([kept]));
}

#[tokio::test]
async fn orders_of_one_market_or_one_token_are_canceled_and_no_others() {
    let server = Server::start();
    let here = Listing::standard(&server).await;
    let there = Listing::neg_risk(&server).await;
    let bot = Bot::fresh(&server).await;
    let yes = rest(&bot, here.yes, here.inside(1)).await;
    let no = rest(&bot, here.no, Decimal::ONE - here.inside(3)).await;
    let elsewhere = rest(&bot, there.yes, there.inside(1)).await;

    let request = CancelMarketOrderRequest::builder().asset_id(here.no).build();
    assert_eq!(bot.clob.cancel_market_orders(&request).await.unwrap().canceled, [no]);
    let request = CancelMarketOrderRequest::builder().market(here.condition).build();
    assert_eq!(bot.clob.cancel_market_orders(&request).await.unwrap().canceled, [yes]);
    assert_eq!(open_ids(&bot).await, BTreeSet::from([elsewhere]));
}

#[tokio::test]
async fn all_orders_are_canceled_and_no_one_elses() {
    let server = Server::start();
    let (here, there) = (Listing::standard(&server).await, Listing::neg_risk(&server).await);
    let (bot, other) = (Bot::fresh(&server).await, Bot::fresh(&server).await);
    let first = rest(&bot, here.yes, here.inside(1)).await;
    let second = rest(&bot, there.yes, there.inside(1)).await;
    let foreign = rest(&other, here.yes, here.inside(1)).await;

    let answer = bot.clob.cancel_order(&foreign).await.unwrap();
    assert!(answer.canceled.is_empty());
    let answer = bot.clob.cancel_all_orders().await.unwrap();
    assert_eq!(BTreeSet::from_iter(answer.canceled), BTreeSet::from([first, second]));
    assert!(bot.open_orders().await.is_empty());
    assert_eq!(open_ids(&other).await, BTreeSet::from([foreign]));
}

/// A buy of ten that meets nobody.
async fn rest(bot: &Bot, token: U256, price: Decimal) -> String {
    let placed = bot.limit(token, Side::Buy, price, Decimal::TEN).await.unwrap();
    assert_eq!(placed.status, OrderStatusType::Live);
    placed.order_id
}

async fn open_ids(bot: &Bot) -> BTreeSet<String> {
    bot.open_orders().await.into_iter().map(|order| order.id).collect()
}

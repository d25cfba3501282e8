//! Market orders against the house, and what they cost.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Bot, Listing, Server, book_of, fee_max, refusal};
use crate::sdk::clob::types::request::LastTradePriceRequest;
use crate::sdk::clob::types::{Amount, OrderStatusType, OrderType, Side, TradeStatusType, TraderSide};
use crate::sdk::types::{B256, Decimal};

#[tokio::test]
async fn a_fok_buy_takes_the_best_ask_and_pays_for_it() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let (price, shares, before) = (listing.ask, Decimal::from(20), bot.dollars().await);

    let bought = bot.stock_up(&listing, shares).await;
    assert!(bought.success);
    assert_eq!(bought.status, OrderStatusType::Matched);
    assert_eq!((bought.making_amount, bought.taking_amount), (shares * price, shares));
    assert_eq!(bought.transaction_hashes.len(), 1);
    assert_ne!(bought.transaction_hashes[0], B256::ZERO);

    assert_eq!(bot.shares(listing.yes).await, shares);
    let fee = before - shares * price - bot.dollars().await;
    assert!(fee >= Decimal::ZERO && fee <= fee_max(price, shares), "{fee}");

    let trade = bot.trade_of(&bought.order_id).await;
    assert_eq!((trade.market, trade.asset_id), (listing.condition, listing.yes));
    assert_eq!((trade.side, trade.size, trade.price), (Side::Buy, shares, price));
    assert_eq!(trade.outcome, listing.market.tokens[0].outcome);
    assert_eq!(
        (trade.status.clone(), trade.trader_side.clone()),
        (TradeStatusType::Confirmed, TraderSide::Taker)
    );
    assert_eq!((trade.owner, trade.maker_address), (bot.key(), bot.address()));
    assert_eq!(trade.transaction_hash, bought.transaction_hashes[0]);
    assert_eq!(trade.maker_orders.iter().map(|maker| maker.matched_amount).sum::<Decimal>(), shares);

    let order = bot.clob.order(&bought.order_id).await.unwrap();
    assert_eq!((order.status, order.size_matched), (OrderStatusType::Matched, shares));
    let last = LastTradePriceRequest::builder().token_id(listing.yes).build();
    let last = bot.clob.last_trade_price(&last).await.unwrap();
    assert_eq!((last.price, last.side), (price, Side::Buy));
}

#[tokio::test]
async fn a_buy_for_dollars_spends_them_down_to_less_than_a_lot() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let (dollars, lot) = (Decimal::from(7), Decimal::new(1, 4));

    let bought = bot.market(listing.yes, Side::Buy, Amount::usdc(dollars).unwrap()).await.unwrap();
    assert_eq!(bought.status, OrderStatusType::Matched);
    let left = dollars - bought.making_amount;
    assert!(left >= Decimal::ZERO && left <= listing.ask * lot, "{left}");
    let short = dollars / listing.ask - bought.taking_amount;
    assert!(short >= Decimal::ZERO && short <= lot, "{short}");
    assert_eq!(bot.shares(listing.yes).await, bought.taking_amount);
}

#[tokio::test]
async fn a_market_sell_gives_the_shares_back_at_the_best_bid() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let (price, shares) = (listing.bid, Decimal::from(20));
    bot.stock_up(&listing, shares).await;
    let before = bot.dollars().await;

    let sold = bot.market(listing.yes, Side::Sell, Amount::shares(shares).unwrap()).await.unwrap();
    assert_eq!(sold.status, OrderStatusType::Matched);
    assert_eq!((sold.making_amount, sold.taking_amount), (shares, shares * price));
    assert_eq!(bot.shares(listing.yes).await, Decimal::ZERO);
    let fee = before + shares * price - bot.dollars().await;
    assert!(fee >= Decimal::ZERO && fee <= fee_max(price, shares), "{fee}");

    let trade = bot.trade_of(&sold.order_id).await;
    assert_eq!((trade.side, trade.size, trade.price), (Side::Sell, shares, price));
    assert_eq!(trade.transaction_hash, sold.transaction_hashes[0]);
}

#[tokio::test]
async fn a_fok_order_is_filled_whole_or_not_at_all() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::trader(&server).await;
    let before = bot.dollars().await;

    // The house offers 200 at this price.
    let order = bot.clob.market_order().token_id(listing.yes).side(Side::Buy).price(listing.ask);
    let order = order.amount(Amount::shares(Decimal::from(250)).unwrap()).order_type(OrderType::FOK);
    let refused = refusal(bot.post(order.build().await.unwrap()).await);
    let text = "order couldn't be fully filled. FOK orders are fully filled or killed.";
    assert_eq!(refused, (400, text.to_owned()));
    assert_eq!(bot.dollars().await, before);
    assert!(bot.trades().await.is_empty());
}

#[tokio::test]
async fn a_fak_order_takes_what_is_there_and_drops_the_rest() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::trader(&server).await;
    let order = |price: Decimal| {
        let order = bot.clob.market_order().token_id(listing.yes).side(Side::Buy).price(price);
        order.amount(Amount::shares(Decimal::from(250)).unwrap()).order_type(OrderType::FAK).build()
    };

    let refused = refusal(bot.post(order(listing.inside(1)).await.unwrap()).await);
    let text = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.";
    assert_eq!(refused, (400, text.to_owned()));

    let taken = bot.post(order(listing.ask).await.unwrap()).await.unwrap();
    let there = Decimal::from(200);
    assert_eq!(taken.status, OrderStatusType::Matched);
    assert_eq!((taken.making_amount, taken.taking_amount), (there * listing.ask, there));
    assert_eq!(bot.shares(listing.yes).await, there);
    assert!(bot.open_orders().await.is_empty());
}

#[tokio::test]
async fn an_order_through_two_levels_pays_each_its_price_and_has_a_trade_for_each() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::trader(&server).await;
    let (best, next) = (listing.ask, listing.ask + listing.tick);
    let (all, some) = (Decimal::from(200), Decimal::from(100));

    let placed = bot.limit(listing.yes, Side::Buy, next, all + some).await.unwrap();
    assert_eq!(placed.status, OrderStatusType::Matched);
    assert_eq!((placed.making_amount, placed.taking_amount), (all * best + some * next, all + some));

    let trades = bot.trades().await;
    assert!(trades.iter().all(|trade| trade.taker_order_id == placed.order_id));
    let fills: BTreeMap<_, _> = trades.iter().map(|trade| (trade.price, trade.size)).collect();
    assert_eq!(fills, BTreeMap::from([(best, all), (next, some)]));
    let hashes: BTreeSet<_> = trades.iter().map(|trade| trade.transaction_hash).collect();
    assert_eq!(hashes, BTreeSet::from_iter(placed.transaction_hashes));

    let book = bot.clob.order_book(&book_of(listing.yes)).await.unwrap();
    let top = book.asks.last().unwrap();
    assert_eq!((top.price, top.size), (next, Decimal::from(300)));
}

//! Two wallets that trade with each other inside the spread of the house.

use crate::common::{Bot, Listing, Server, book_of, fee_max};
use crate::sdk::clob::types::{OrderStatusType, Side, TradeStatusType, TraderSide};
use crate::sdk::types::Decimal;

#[tokio::test]
async fn a_resting_buy_is_filled_in_part_by_a_seller_and_stays_for_the_rest() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let (maker, taker) = (Bot::fresh(&server).await, Bot::fresh(&server).await);
    let (price, ten) = (listing.inside(2), Decimal::TEN);
    taker.stock_up(&listing, ten).await;
    let (maker_before, taker_before) = (maker.dollars().await, taker.dollars().await);

    let resting = maker.limit(listing.yes, Side::Buy, price, Decimal::from(15)).await.unwrap();
    let sold = taker.limit(listing.yes, Side::Sell, price, ten).await.unwrap();
    assert_eq!(sold.status, OrderStatusType::Matched);
    assert_eq!((sold.making_amount, sold.taking_amount), (ten, ten * price));

    // The maker pays its own price and no fee.
    assert_eq!(maker_before - maker.dollars().await, ten * price);
    assert_eq!(maker.shares(listing.yes).await, ten);
    let fee = taker_before + ten * price - taker.dollars().await;
    assert!(fee >= Decimal::ZERO && fee <= fee_max(price, ten), "{fee}");
    assert_eq!(taker.shares(listing.yes).await, Decimal::ZERO);

    let order = maker.clob.order(&resting.order_id).await.unwrap();
    assert_eq!((order.status.clone(), order.size_matched), (OrderStatusType::Live, ten));
    assert_eq!(maker.open_orders().await, [order]);
    let canceled = maker.clob.cancel_order(&resting.order_id).await.unwrap();
    assert_eq!(canceled.canceled, [resting.order_id]);
}

#[tokio::test]
async fn a_trade_reads_the_same_on_both_sides_but_for_the_part_played() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let (maker, taker) = (Bot::fresh(&server).await, Bot::fresh(&server).await);
    let (price, ten) = (listing.inside(2), Decimal::TEN);
    taker.stock_up(&listing, ten).await;
    let resting = maker.limit(listing.yes, Side::Buy, price, ten).await.unwrap();
    let sold = taker.limit(listing.yes, Side::Sell, price, ten).await.unwrap();

    let (made, took) = (maker.trade_of(&sold.order_id).await, taker.trade_of(&sold.order_id).await);
    assert_eq!((made.trader_side.clone(), took.trader_side.clone()), (TraderSide::Maker, TraderSide::Taker));
    assert_eq!((&made.id, made.transaction_hash), (&took.id, took.transaction_hash));
    assert_eq!(sold.transaction_hashes, [took.transaction_hash]);
    for trade in [made, took] {
        assert_eq!(trade.status, TradeStatusType::Confirmed);
        assert_eq!((trade.side, trade.size, trade.price), (Side::Sell, ten, price));
        assert_eq!((trade.owner, trade.maker_address), (taker.key(), taker.address()));
        assert_eq!(trade.maker_orders.len(), 1);
        let filled = &trade.maker_orders[0];
        assert_eq!(filled.order_id, resting.order_id);
        assert_eq!((filled.owner, filled.maker_address), (maker.key(), maker.address()));
        assert_eq!((filled.asset_id, filled.side), (listing.yes, Side::Buy));
        assert_eq!((filled.matched_amount, filled.price), (ten, price));
    }
}

#[tokio::test]
async fn buyers_of_opposite_outcomes_mint_a_pair_and_sellers_merge_it() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let (maker, taker) = (Bot::fresh(&server).await, Bot::fresh(&server).await);
    let (price, other, ten) = (listing.inside(2), Decimal::ONE - listing.inside(2), Decimal::TEN);
    let before = maker.dollars().await;

    let resting = maker.limit(listing.no, Side::Buy, other, ten).await.unwrap();
    let book = taker.clob.order_book(&book_of(listing.yes)).await.unwrap();
    let top = book.asks.last().unwrap();
    assert_eq!((top.price, top.size), (price, ten));

    let bought = taker.limit(listing.yes, Side::Buy, price, ten).await.unwrap();
    assert_eq!((bought.making_amount, bought.taking_amount), (ten * price, ten));
    let trade = taker.trade_of(&bought.order_id).await;
    assert_eq!((trade.asset_id, trade.side, trade.price), (listing.yes, Side::Buy, price));
    let minted = &trade.maker_orders[0];
    assert_eq!(minted.order_id, resting.order_id);
    assert_eq!((minted.asset_id, minted.side, minted.price), (listing.no, Side::Buy, other));
    assert_eq!(minted.outcome, listing.market.tokens[1].outcome);
    assert_eq!((maker.shares(listing.no).await, taker.shares(listing.yes).await), (ten, ten));
    assert_eq!(before - maker.dollars().await, ten * other);

    maker.limit(listing.no, Side::Sell, other, ten).await.unwrap();
    let sold = taker.limit(listing.yes, Side::Sell, price, ten).await.unwrap();
    assert_eq!((sold.making_amount, sold.taking_amount), (ten, ten * price));
    assert_eq!(
        (maker.shares(listing.no).await, taker.shares(listing.yes).await),
        (Decimal::ZERO, Decimal::ZERO)
    );
    assert_eq!(maker.dollars().await, before);
}

//! polymarket_client_sdk_v2 0.9.0: the current client, which signs V2 orders and trades for deposit wallets.

use polymarket_client_sdk_v2 as sdk;

mod common;
mod life;

use std::collections::BTreeSet;

use alloy::signers::Signer as _;
use alloy::signers::local::PrivateKeySigner;
use common::{Bot, Listing, Server};
use polymarket_client_sdk as old;
use sdk::POLYGON;
use sdk::clob::types::request::{BalanceAllowanceRequest, TradesRequest};
use sdk::clob::types::{Amount, AssetType, OrderStatusType, OrderType, Side, SignatureType};
use sdk::types::{Address, Decimal, U256};

/// A development key everyone knows, and the deposit wallet (UUPS) that its owner has on Polygon.
const OWNER: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const DEPOSIT_WALLET: &str = "0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76";

#[tokio::test]
async fn the_server_asks_for_the_second_generation_of_orders() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    assert_eq!(bot.clob.version().await.unwrap(), 2);

    let order = bot.clob.limit_order().token_id(listing.yes).side(Side::Buy).price(listing.inside(1));
    let placed = order.size(Decimal::TEN).build_sign_and_post(&bot.wallet).await.unwrap();
    assert_eq!(placed.status, OrderStatusType::Live);
    let old_ones = bot.clob.pre_migration_orders(None).await.unwrap();
    assert!(old_ones.data.is_empty());
    assert_eq!(old_ones.next_cursor, common::LAST_PAGE);
}

#[tokio::test]
async fn the_compact_market_is_found_by_either_token_and_agrees_with_the_market() {
    let server = Server::start();
    let visitor = server.visitor();

    for listing in [Listing::standard(&server).await, Listing::neg_risk(&server).await] {
        for token in [listing.yes, listing.no] {
            let found = visitor.market_by_token(token).await.unwrap();
            assert_eq!(found.condition_id, listing.condition);
            assert_eq!((found.primary_token_id, found.secondary_token_id), (listing.yes, listing.no));
        }
        let compact = visitor.clob_market_info(&listing.condition.to_string()).await.unwrap();
        assert_eq!(compact.condition_id, listing.condition);
        assert_eq!(compact.min_tick_size.as_decimal(), listing.tick);
        assert_eq!(compact.min_order_size, listing.market.minimum_order_size);
        assert_eq!(compact.neg_risk, listing.market.neg_risk);
        let tokens: Vec<_> = compact.tokens.iter().flatten().map(|token| token.token_id).collect();
        assert_eq!(tokens, [listing.yes, listing.no]);
    }
}

#[tokio::test]
async fn a_taker_pays_the_fee_that_the_market_publishes() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let compact = bot.clob.clob_market_info(&listing.condition.to_string()).await.unwrap();
    let published = compact.fee_details.expect("a market of a category that charges a fee");
    assert_eq!((published.exponent, published.taker_only), (1, true));
    let fee = |price: Decimal, shares: Decimal| {
        (published.rate * shares * price * (Decimal::ONE - price)).trunc_with_scale(5)
    };
    let (shares, before) = (Decimal::from(7), bot.dollars().await);

    bot.stock_up(&listing, shares).await;
    let between = bot.dollars().await;
    assert_eq!(before - between, shares * listing.ask + fee(listing.ask, shares));

    bot.market(listing.yes, Side::Sell, Amount::shares(shares).unwrap()).await.unwrap();
    assert_eq!(bot.dollars().await - between, shares * listing.bid - fee(listing.bid, shares));
}

#[tokio::test]
async fn a_buy_that_the_client_shrinks_for_fees_costs_no_more_than_the_balance_named() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let (budget, before) = (Decimal::TEN, bot.dollars().await);

    let order = bot.clob.market_order().token_id(listing.yes).side(Side::Buy).order_type(OrderType::FOK);
    let order = order.amount(Amount::usdc(budget).unwrap()).user_usdc_balance(budget);
    let bought = bot.post(order.build().await.unwrap()).await.unwrap();
    assert_eq!(bought.status, OrderStatusType::Matched);
    let cost = before - bot.dollars().await;
    assert!(cost <= budget && cost > budget - Decimal::new(1, 2), "{cost}");
}

#[tokio::test]
async fn the_answer_to_an_order_names_its_trades_and_each_is_found_by_its_id() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::trader(&server).await;

    let placed =
        bot.limit(listing.yes, Side::Buy, listing.ask + listing.tick, Decimal::from(300)).await.unwrap();
    let trades = bot.trades().await;
    let ids: BTreeSet<_> = trades.iter().map(|trade| trade.id.clone()).collect();
    assert_eq!(ids, BTreeSet::from_iter(placed.trade_ids));
    for id in ids {
        let request = TradesRequest::builder().id(id.as_str()).build();
        let found = bot.clob.trades(&request, None).await.unwrap().data;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].id, &found[0].taker_order_id), (&id, &placed.order_id));
    }
}

#[tokio::test]
async fn every_exchange_contract_is_approved() {
    let server = Server::start();
    let bot = Bot::fresh(&server).await;

    let request = BalanceAllowanceRequest::builder().asset_type(AssetType::Collateral).build();
    let answer = bot.clob.balance_allowance(request).await.unwrap();
    for neg_risk in [false, true] {
        let contracts = sdk::contract_config(POLYGON, neg_risk).unwrap();
        for exchange in [contracts.exchange_v2.unwrap(), contracts.exchange_v3.unwrap()] {
            assert_eq!(answer.allowances[&exchange], U256::MAX.to_string());
        }
    }
}

#[tokio::test]
async fn orders_of_the_deposit_wallet_spend_the_owners_purse() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let wallet: PrivateKeySigner = OWNER.parse().unwrap();
    let owner = Bot::of(&server, wallet.with_chain_id(Some(POLYGON))).await;
    let deposit: Address = DEPOSIT_WALLET.parse().unwrap();
    let bot = owner.through(&server, SignatureType::Poly1271, Some(deposit)).await;
    assert_eq!(bot.key(), owner.key());

    let placed = bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::TEN).await.unwrap();
    assert_eq!(placed.status, OrderStatusType::Live);
    let order = bot.clob.order(&placed.order_id).await.unwrap();
    assert_eq!((order.owner, order.maker_address), (owner.key(), deposit));

    let bought = bot.stock_up(&listing, Decimal::TEN).await;
    assert_eq!(bought.status, OrderStatusType::Matched);
    assert_eq!(owner.trade_of(&bought.order_id).await.maker_address, deposit);
    assert_eq!(owner.shares(listing.yes).await, Decimal::TEN);
    assert_eq!(bot.dollars().await, owner.dollars().await);

    let neg_risk = Listing::neg_risk(&server).await;
    let placed = bot.limit(neg_risk.yes, Side::Buy, neg_risk.inside(1), Decimal::TEN).await.unwrap();
    assert_eq!(placed.status, OrderStatusType::Live);
}

#[tokio::test]
async fn an_order_of_the_old_client_meets_one_of_the_new() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let (maker, taker) = (Bot::fresh(&server).await, Bot::fresh(&server).await);
    taker.stock_up(&listing, Decimal::TEN).await;

    let host = maker.clob.host().as_str();
    let clob = old::clob::Client::new(host, old::clob::Config::default()).unwrap();
    let clob = clob.authentication_builder(&maker.wallet).authenticate().await.unwrap();
    let order = clob.limit_order().token_id(listing.yes).side(old::clob::types::Side::Buy);
    let order = order.price(listing.inside(2)).size(Decimal::TEN).build().await.unwrap();
    let resting = clob.post_order(clob.sign(&maker.wallet, order).await.unwrap()).await.unwrap();

    let sold = taker.limit(listing.yes, Side::Sell, listing.inside(2), Decimal::TEN).await.unwrap();
    assert_eq!(sold.status, OrderStatusType::Matched);
    assert_eq!(taker.trade_of(&sold.order_id).await.maker_orders[0].order_id, resting.order_id);
    assert_eq!(maker.shares(listing.yes).await, Decimal::TEN);
}

//! The services beside the CLOB: Gamma lists what can be traded, Data what was.

use std::collections::BTreeSet;

use crate::common::{Bot, Listing, PAGES_MAX, Server, eventually, every_market};
use crate::sdk::data::types::request::{
    ActivityRequest, PositionsRequest, TradedRequest, TradesRequest, ValueRequest,
};
use crate::sdk::data::types::{ActivityType, Side};
use crate::sdk::gamma::types::request::{
    EventByIdRequest, EventBySlugRequest, EventsRequest, MarketByIdRequest, MarketBySlugRequest,
    MarketsRequest,
};
use crate::sdk::types::Decimal;

#[tokio::test]
async fn gamma_describes_the_market_that_the_clob_trades() {
    let server = Server::start();
    let gamma = server.gamma();
    let listing = Listing::standard(&server).await;
    let known = &listing.market;
    assert!(gamma.status().await.unwrap().contains("OK"));

    let request = MarketsRequest::builder().condition_ids(vec![listing.condition]).build();
    let markets = gamma.markets(&request).await.unwrap();
    assert_eq!(markets.len(), 1);
    let market = &markets[0];
    assert_eq!(market.condition_id, Some(listing.condition));
    assert_eq!(market.question_id, known.question_id);
    assert_eq!(market.question.as_ref(), Some(&known.question));
    assert_eq!(market.slug.as_ref(), Some(&known.market_slug));
    assert_eq!(market.clob_token_ids, Some(vec![listing.yes, listing.no]));
    let outcomes: Vec<_> = known.tokens.iter().map(|token| token.outcome.clone()).collect();
    assert_eq!(market.outcomes, Some(outcomes));
    assert_eq!(market.order_price_min_tick_size, Some(listing.tick));
    assert_eq!(market.order_min_size, Some(known.minimum_order_size));
    assert_eq!((market.best_bid, market.best_ask), (Some(listing.bid), Some(listing.ask)));
    assert_eq!((market.active, market.closed, market.neg_risk), (Some(true), Some(false), Some(false)));

    let by_id = MarketByIdRequest::builder().id(market.id.as_str()).build();
    assert_eq!(&gamma.market_by_id(&by_id).await.unwrap(), market);
    let by_slug = MarketBySlugRequest::builder().slug(known.market_slug.as_str()).build();
    assert_eq!(&gamma.market_by_slug(&by_slug).await.unwrap(), market);
}

#[tokio::test]
async fn gammas_pages_end_and_name_every_open_market_once() {
    let server = Server::start();
    let gamma = server.gamma();

    let mut listed = Vec::new();
    for page in 0..PAGES_MAX {
        let request = MarketsRequest::builder().limit(10).offset(page * 10).closed(false).build();
        let markets = gamma.markets(&request).await.unwrap();
        let is_last = markets.len() < 10;
        listed.extend(markets.into_iter().map(|market| market.condition_id.unwrap()));
        if is_last {
            break;
        }
    }
    let ids: BTreeSet<_> = listed.iter().copied().collect();
    assert_eq!(ids.len(), listed.len());
    // Rolling windows come and go.
    let mut open = every_market(&server.visitor()).await;
    open.retain(|market| !market.closed && !market.market_slug.contains("updown"));
    for market in open {
        assert!(ids.contains(&market.condition_id.unwrap()), "{}", market.market_slug);
    }
}

#[tokio::test]
async fn an_event_holds_its_markets_and_a_market_names_its_event() {
    let server = Server::start();
    let gamma = server.gamma();

    let request = EventsRequest::builder().limit(3).closed(false).build();
    let events = gamma.events(&request).await.unwrap();
    assert_eq!(events.len(), 3);
    for event in events {
        let by_id = EventByIdRequest::builder().id(event.id.as_str()).build();
        assert_eq!(gamma.event_by_id(&by_id).await.unwrap(), event);
        let by_slug = EventBySlugRequest::builder().slug(event.slug.clone().unwrap()).build();
        assert_eq!(gamma.event_by_slug(&by_slug).await.unwrap(), event);

        let market = &event.markets.as_ref().unwrap()[0];
        let by_id = MarketByIdRequest::builder().id(market.id.as_str()).build();
        let market = gamma.market_by_id(&by_id).await.unwrap();
        assert_eq!(market.events.unwrap()[0].id, event.id);
    }
}

#[tokio::test]
async fn a_fill_shows_as_position_trade_activity_and_value() {
    let server = Server::start();
    let data = server.data();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let (user, price, shares) = (bot.address(), listing.ask, Decimal::from(20));
    let bought = bot.stock_up(&listing, shares).await;
    let hash = bought.transaction_hashes[0];

    let request = PositionsRequest::builder().user(user).build();
    let position =
        eventually("the position shows", async || data.positions(&request).await.unwrap().into_iter().next())
            .await;
    assert_eq!((position.condition_id, position.asset), (listing.condition, listing.yes));
    assert_eq!((position.opposite_asset, position.outcome_index), (listing.no, 0));
    assert_eq!(position.outcome, listing.market.tokens[0].outcome);
    assert_eq!((&position.title, &position.slug), (&listing.market.question, &listing.market.market_slug));
    assert_eq!((position.size, position.avg_price), (shares, price));
    // The last trade, its own, is what a share is worth.
    assert_eq!((position.initial_value, position.current_value), (shares * price, shares * price));
    assert_eq!((position.cur_price, position.cash_pnl), (price, Decimal::ZERO));
    assert!(!position.negative_risk && !position.redeemable);

    let trades = data.trades(&TradesRequest::builder().user(user).build()).await.unwrap();
    assert_eq!(trades.len(), 1);
    assert_eq!((trades[0].condition_id, trades[0].asset), (listing.condition, listing.yes));
    assert_eq!((&trades[0].side, trades[0].size, trades[0].price), (&Side::Buy, shares, price));
    assert_eq!(trades[0].transaction_hash, hash);

    let activity = data.activity(&ActivityRequest::builder().user(user).build()).await.unwrap();
    assert_eq!(activity.len(), 1);
    assert_eq!(activity[0].activity_type, ActivityType::Trade);
    assert_eq!((activity[0].size, activity[0].usdc_size), (shares, shares * price));
    assert_eq!(activity[0].transaction_hash, hash);

    let value = data.value(&ValueRequest::builder().user(user).build()).await.unwrap();
    assert_eq!((value[0].user, value[0].value), (user, shares * price));
    let traded = data.traded(&TradedRequest::builder().user(user).build()).await.unwrap();
    assert_eq!(traded.traded, 1);
}

//! The end of a market.

use crate::common::{Bot, Listing, Server, eventually, refusal};
use crate::sdk::clob::types::Side;
use crate::sdk::types::Decimal;

#[tokio::test]
async fn a_resolved_market_closes_cancels_its_orders_and_pays_the_winner() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let shares = Decimal::from(20);
    bot.stock_up(&listing, shares).await;
    bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::TEN).await.unwrap();
    let before = bot.dollars().await;

    server.resolve(listing.condition, &listing.market.tokens[0].outcome).await;
    let condition = listing.condition.to_string();
    let market = eventually("the market closes", async || {
        let market = bot.clob.market(&condition).await.unwrap();
        market.closed.then_some(market)
    })
    .await;
    assert!(!market.accepting_orders);
    let (yes, no) = (&market.tokens[0], &market.tokens[1]);
    assert_eq!((yes.winner, yes.price), (true, Decimal::ONE));
    assert_eq!((no.winner, no.price), (false, Decimal::ZERO));

    assert!(bot.open_orders().await.is_empty());
    assert_eq!(bot.dollars().await, before + shares);
    let refused = refusal(bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::TEN).await);
    assert_eq!(refused, (400, "the market is not yet ready to process new orders".to_owned()));
}

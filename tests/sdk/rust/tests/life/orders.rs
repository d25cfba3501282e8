//! Orders that rest: what is accepted, what is refused, and how long it stays.

use crate::common::{Bot, Listing, Server, book_of, eventually, refusal};
use crate::sdk::clob::types::{OrderStatusType, OrderType, Side};
use crate::sdk::types::{DateTime, Decimal, Utc};

const NO_FUNDS: &str = "not enough balance / allowance";

#[tokio::test]
async fn a_limit_buy_rests_and_reads_back_as_it_was_sent() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let price = listing.inside(1);

    let placed = bot.limit(listing.yes, Side::Buy, price, Decimal::TEN).await.unwrap();
    assert!(placed.success);
    assert_eq!(placed.status, OrderStatusType::Live);
    assert_eq!(placed.error_msg.as_deref(), Some(""));
    assert_eq!((placed.making_amount, placed.taking_amount), (Decimal::ZERO, Decimal::ZERO));
    assert!(placed.transaction_hashes.is_empty());

    let order = bot.clob.order(&placed.order_id).await.unwrap();
    assert_eq!(order.id, placed.order_id);
    assert_eq!(order.status, OrderStatusType::Live);
    assert_eq!((order.owner, order.maker_address), (bot.key(), bot.address()));
    assert_eq!((order.market, order.asset_id), (listing.condition, listing.yes));
    assert_eq!(order.outcome, listing.market.tokens[0].outcome);
    assert_eq!((order.side, order.price), (Side::Buy, price));
    assert_eq!((order.original_size, order.size_matched), (Decimal::TEN, Decimal::ZERO));
    assert_eq!((order.order_type.clone(), order.expiration.timestamp()), (OrderType::GTC, 0));
    assert_eq!(bot.open_orders().await, [order]);

    let book = bot.clob.order_book(&book_of(listing.yes)).await.unwrap();
    let best = book.bids.last().unwrap();
    assert_eq!((best.price, best.size), (price, Decimal::TEN));
}

#[tokio::test]
async fn a_limit_sell_offers_shares_once() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    bot.stock_up(&listing, Decimal::from(20)).await;
    let price = listing.inside(3);

    let placed = bot.limit(listing.yes, Side::Sell, price, Decimal::TEN).await.unwrap();
    assert_eq!(placed.status, OrderStatusType::Live);
    let order = bot.clob.order(&placed.order_id).await.unwrap();
    assert_eq!((order.side, order.price, order.original_size), (Side::Sell, price, Decimal::TEN));
    let book = bot.clob.order_book(&book_of(listing.yes)).await.unwrap();
    let best = book.asks.last().unwrap();
    assert_eq!((best.price, best.size), (price, Decimal::TEN));

    // Ten of the twenty are behind the order above.
    let (status, text) = refusal(bot.limit(listing.yes, Side::Sell, price, Decimal::from(11)).await);
    assert_eq!(status, 400);
    assert!(text.starts_with(NO_FUNDS), "{text}");
    assert_eq!(bot.shares(listing.yes).await, Decimal::from(20));
}

#[tokio::test]
async fn an_order_beyond_the_purse_or_below_the_smallest_size_is_refused() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;

    let (status, text) =
        refusal(bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::from(1_000_000)).await);
    assert_eq!(status, 400);
    assert!(text.starts_with(NO_FUNDS), "{text}");

    let (status, text) = refusal(bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::ONE).await);
    assert_eq!(status, 400);
    assert!(text.ends_with("Size (1) lower than the minimum: 5"), "{text}");
    assert!(bot.open_orders().await.is_empty());
}

#[tokio::test]
async fn a_post_only_order_rests_or_is_refused() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let order =
        || bot.clob.limit_order().token_id(listing.yes).side(Side::Buy).size(Decimal::TEN).post_only(true);

    let crossing = order().price(listing.ask).build().await.unwrap();
    let refused = refusal(bot.post(crossing).await);
    assert_eq!(refused, (400, "invalid post-only order: order crosses book".to_owned()));

    let resting = order().price(listing.inside(1)).build().await.unwrap();
    assert_eq!(bot.post(resting).await.unwrap().status, OrderStatusType::Live);
}

#[tokio::test]
async fn a_gtd_order_stays_until_its_expiration_and_no_longer() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;
    let now = bot.clob.server_time().await.unwrap();
    let lasting = |seconds: i64| {
        let order = bot.clob.limit_order().token_id(listing.yes).side(Side::Buy).price(listing.inside(1));
        let expiration = DateTime::<Utc>::from_timestamp(now + seconds, 0).unwrap();
        order.size(Decimal::TEN).order_type(OrderType::GTD).expiration(expiration).build()
    };

    let refused = refusal(bot.post(lasting(10).await.unwrap()).await);
    assert_eq!(refused, (400, "invalid expiration".to_owned()));

    let placed = bot.post(lasting(600).await.unwrap()).await.unwrap();
    let order = bot.clob.order(&placed.order_id).await.unwrap();
    assert_eq!((order.order_type, order.expiration.timestamp()), (OrderType::GTD, now + 600));
    server.advance(300).await;
    assert_eq!(bot.open_orders().await.len(), 1);
    server.advance(301).await;
    eventually("the order expires", async || bot.open_orders().await.is_empty().then_some(())).await;
    assert_ne!(bot.clob.order(&placed.order_id).await.unwrap().status, OrderStatusType::Live);
}

#[tokio::test]
async fn a_batch_answers_each_order_in_its_place() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;

    let mut batch = Vec::new();
    for size in [10, 1_000_000, 20] {
        let order = bot.clob.limit_order().token_id(listing.yes).side(Side::Buy).price(listing.inside(1));
        let order = order.size(Decimal::from(size)).build().await.unwrap();
        batch.push(bot.clob.sign(&bot.wallet, order).await.unwrap());
    }
    let answers = bot.clob.post_orders(batch).await.unwrap();
    assert_eq!(answers.len(), 3);
    for (answer, size) in [(&answers[0], 10), (&answers[2], 20)] {
        assert_eq!(answer.status, OrderStatusType::Live);
        let order = bot.clob.order(&answer.order_id).await.unwrap();
        assert_eq!(order.original_size, Decimal::from(size));
    }
    assert_eq!(answers[1].order_id, "");
    assert!(answers[1].error_msg.as_deref().unwrap().starts_with(NO_FUNDS), "{:?}", answers[1]);
    assert_eq!(bot.open_orders().await.len(), 2);
}

#[tokio::test]
async fn an_order_signed_for_the_wrong_exchange_is_refused() {
    let server = Server::start();
    let listing = Listing::neg_risk(&server).await;
    let bot = Bot::fresh(&server).await;

    let placed = bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::TEN).await.unwrap();
    assert_eq!(placed.status, OrderStatusType::Live);
    // The classic mistake: forgetting that the market is one of a neg-risk group.
    bot.clob.set_neg_risk(listing.yes, false);
    let refused = refusal(bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::TEN).await);
    assert_eq!(refused, (400, "invalid signature".to_owned()));
}

#[tokio::test]
async fn orders_outlive_any_silence_until_a_first_heartbeat() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;

    bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::TEN).await.unwrap();
    server.advance(120).await;
    assert_eq!(bot.open_orders().await.len(), 1);

    let first = bot.clob.post_heartbeat(None).await.unwrap().heartbeat_id;
    let second = bot.clob.post_heartbeat(Some(first)).await.unwrap().heartbeat_id;
    assert_ne!(first, second);
    server.advance(5).await;
    assert_eq!(bot.open_orders().await.len(), 1);
    server.advance(30).await;
    eventually("the orders of the silent are canceled", async || {
        bot.open_orders().await.is_empty().then_some(())
    })
    .await;
}

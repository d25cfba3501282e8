//! polymarket-client-sdk 0.4.4: the older client, which signs V1 orders only.

use polymarket_client_sdk as sdk;

mod common;
mod life;

use common::{Bot, Listing, Server, refusal};
use sdk::clob::types::Side;
use sdk::types::Decimal;

#[tokio::test]
async fn an_order_with_another_nonce_than_the_accounts_is_refused() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let bot = Bot::fresh(&server).await;

    let order = bot.clob.limit_order().token_id(listing.yes).side(Side::Buy).price(listing.inside(1));
    let order = order.size(Decimal::TEN).nonce(7).build().await.unwrap();
    assert_eq!(refusal(bot.post(order).await), (400, "invalid nonce".to_owned()));
}

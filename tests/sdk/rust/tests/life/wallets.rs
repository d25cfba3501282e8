//! The wallets a site makes for its users: whoever signs, it is one account.

use crate::common::{Bot, Listing, Server};
use crate::sdk::clob::types::{OrderStatusType, Side, SignatureType};
use crate::sdk::types::Decimal;
use crate::sdk::{POLYGON, derive_proxy_wallet, derive_safe_wallet};

#[tokio::test]
async fn orders_of_the_proxy_and_the_safe_spend_the_owners_purse() {
    let server = Server::start();
    let listing = Listing::standard(&server).await;
    let owner = Bot::fresh(&server).await;
    let proxy = derive_proxy_wallet(owner.address(), POLYGON).unwrap();
    let safe = derive_safe_wallet(owner.address(), POLYGON).unwrap();
    let mut shares = Decimal::ZERO;

    for (kind, address) in [(SignatureType::Proxy, proxy), (SignatureType::GnosisSafe, safe)] {
        let bot = owner.through(&server, kind, None).await;
        assert_eq!(bot.key(), owner.key());
        assert_eq!(bot.dollars().await, owner.dollars().await);

        let placed = bot.limit(listing.yes, Side::Buy, listing.inside(1), Decimal::TEN).await.unwrap();
        assert_eq!(placed.status, OrderStatusType::Live);
        let order = owner.clob.order(&placed.order_id).await.unwrap();
        assert_eq!((order.owner, order.maker_address), (owner.key(), address));

        let bought = bot.stock_up(&listing, Decimal::TEN).await;
        assert_eq!(owner.trade_of(&bought.order_id).await.maker_address, address);
        shares += Decimal::TEN;
        assert_eq!(bot.shares(listing.yes).await, shares);
        assert_eq!(owner.shares(listing.yes).await, shares);
        assert_eq!(bot.dollars().await, owner.dollars().await);
    }
}

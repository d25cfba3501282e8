//! A wallet with a client that is logged in: what a user's bot is made of.

use alloy::signers::Signer as _;
use alloy::signers::local::PrivateKeySigner;

use super::{LAST_PAGE, Listing, Server};
use crate::sdk::auth::state::Authenticated;
use crate::sdk::auth::{ApiKey, Normal};
use crate::sdk::clob::types::request::{BalanceAllowanceRequest, OrdersRequest, TradesRequest};
use crate::sdk::clob::types::response::{OpenOrderResponse, PostOrderResponse, TradeResponse};
use crate::sdk::clob::types::{Amount, AssetType, OrderType, Side, SignableOrder, SignatureType};
use crate::sdk::types::{Address, Decimal, U256};
use crate::sdk::{POLYGON, Result, clob};

pub struct Bot {
    pub wallet: PrivateKeySigner,
    pub clob: clob::Client<Authenticated<Normal>>,
}

/// A wallet nobody has seen yet.
pub fn fresh_wallet() -> PrivateKeySigner {
    PrivateKeySigner::random().with_chain_id(Some(POLYGON))
}

impl Bot {
    /// A new user, funded at its first log-in.
    pub async fn fresh(server: &Server) -> Self {
        Self::of(server, fresh_wallet()).await
    }

    /// The persona with $10,000 or more.
    pub async fn trader(server: &Server) -> Self {
        let wallet: PrivateKeySigner = server.private_key("trader").parse().unwrap();
        Self::of(server, wallet.with_chain_id(Some(POLYGON))).await
    }

    pub async fn of(server: &Server, wallet: PrivateKeySigner) -> Self {
        let clob = server.visitor().authentication_builder(&wallet).authenticate().await.unwrap();
        Self { wallet, clob }
    }

    /// The same owner, trading through another of its wallets; without a funder the client derives it.
    pub async fn through(&self, server: &Server, kind: SignatureType, funder: Option<Address>) -> Self {
        let mut login = server.visitor().authentication_builder(&self.wallet).signature_type(kind);
        if let Some(funder) = funder {
            login = login.funder(funder);
        }
        let clob = login.authenticate().await.unwrap();
        Self { wallet: self.wallet.clone(), clob }
    }

    pub fn address(&self) -> Address {
        self.wallet.address()
    }

    pub fn key(&self) -> ApiKey {
        self.clob.credentials().key()
    }

    /// Signs and posts.
    pub async fn post(&self, order: SignableOrder) -> Result<PostOrderResponse> {
        let signed = self.clob.sign(&self.wallet, order).await?;
        self.clob.post_order(signed).await
    }

    /// A limit order good until canceled.
    pub async fn limit(
        &self,
        token: U256,
        side: Side,
        price: Decimal,
        size: Decimal,
    ) -> Result<PostOrderResponse> {
        let order = self.clob.limit_order().token_id(token).side(side).price(price).size(size);
        self.post(order.build().await?).await
    }

    /// A market order filled whole or not at all, at the price the client finds in the book.
    pub async fn market(&self, token: U256, side: Side, amount: Amount) -> Result<PostOrderResponse> {
        let order = self.clob.market_order().token_id(token).side(side).amount(amount);
        self.post(order.order_type(OrderType::FOK).build().await?).await
    }

    /// Buys from the house at its best ask, where it offers 200 shares.
    pub async fn stock_up(&self, listing: &Listing, shares: Decimal) -> PostOrderResponse {
        let amount = Amount::usdc(listing.ask * shares).unwrap();
        self.market(listing.yes, Side::Buy, amount).await.unwrap()
    }

    /// Money in the wallet, that behind open orders included.
    pub async fn dollars(&self) -> Decimal {
        self.balance(BalanceAllowanceRequest::builder().asset_type(AssetType::Collateral).build()).await
    }

    pub async fn shares(&self, token: U256) -> Decimal {
        let request = BalanceAllowanceRequest::builder().asset_type(AssetType::Conditional).token_id(token);
        self.balance(request.build()).await
    }

    /// All open orders; a test has fewer than a page of them.
    pub async fn open_orders(&self) -> Vec<OpenOrderResponse> {
        let page = self.clob.orders(&OrdersRequest::default(), None).await.unwrap();
        assert_eq!(page.next_cursor, LAST_PAGE);
        page.data
    }

    /// All trades; a test has fewer than a page of them.
    pub async fn trades(&self) -> Vec<TradeResponse> {
        let page = self.clob.trades(&TradesRequest::default(), None).await.unwrap();
        assert_eq!(page.next_cursor, LAST_PAGE);
        page.data
    }

    /// The one trade in which this order came to the book.
    pub async fn trade_of(&self, taker_order: &str) -> TradeResponse {
        let mut trades = self.trades().await;
        trades.retain(|trade| trade.taker_order_id == taker_order);
        assert_eq!(trades.len(), 1, "{trades:?}");
        trades.remove(0)
    }

    async fn balance(&self, request: BalanceAllowanceRequest) -> Decimal {
        self.clob.balance_allowance(request).await.unwrap().balance / Decimal::from(1_000_000)
    }
}

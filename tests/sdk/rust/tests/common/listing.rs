//! Markets to trade in, found as a bot finds them: from the list and the books.

use super::{LAST_PAGE, PAGES_MAX, Server};
use crate::sdk::clob;
use crate::sdk::clob::types::request::OrderBookSummaryRequest;
use crate::sdk::clob::types::response::{MarketResponse, OrderBookSummaryResponse};
use crate::sdk::types::{B256, Decimal, U256};

/// An open market with room for three prices inside the spread of the house.
#[derive(Clone, Debug)]
pub struct Listing {
    pub market: MarketResponse,
    pub condition: B256,
    pub yes: U256,
    pub no: U256,
    pub tick: Decimal,
    pub bid: Decimal,
    pub ask: Decimal,
}

impl Listing {
    /// A plain market with a tick of a cent.
    pub async fn standard(server: &Server) -> Self {
        let cent = Decimal::new(1, 2);
        Self::find(&server.visitor(), |market| !market.neg_risk && market.minimum_tick_size == cent).await
    }

    pub async fn neg_risk(server: &Server) -> Self {
        Self::find(&server.visitor(), |market| market.neg_risk).await
    }

    pub async fn find(visitor: &clob::Client, wanted: impl Fn(&MarketResponse) -> bool) -> Self {
        let mut markets = every_market(visitor).await;
        // A rolling window could close under the test.
        markets.retain(|market| {
            market.accepting_orders && !market.market_slug.contains("updown") && wanted(market)
        });
        let requests: Vec<_> = markets.iter().map(|market| book_of(market.tokens[0].token_id)).collect();
        let books = visitor.order_books(&requests).await.unwrap();
        let mut listings = markets.into_iter().filter_map(|market| Self::with_room(market, &books));
        listings.next().expect("a market with room inside its spread")
    }

    /// The price so many ticks above the best bid; 1, 2 and 3 lie inside the spread.
    pub fn inside(&self, ticks: i32) -> Decimal {
        (self.bid + self.tick * Decimal::from(ticks)).normalize()
    }

    fn with_room(market: MarketResponse, books: &[OrderBookSummaryResponse]) -> Option<Self> {
        let (yes, no) = (market.tokens[0].token_id, market.tokens[1].token_id);
        let book = books.iter().find(|book| book.asset_id == yes)?;
        let (bid, ask) = (book.bids.last()?.price, book.asks.last()?.price);
        let tick = market.minimum_tick_size;
        let is_wide = ask - bid >= tick * Decimal::from(4);
        let is_moderate = bid >= Decimal::new(2, 1) && ask <= Decimal::new(8, 1);
        let condition = market.condition_id?;
        (is_wide && is_moderate).then_some(Self { market, condition, yes, no, tick, bid, ask })
    }
}

pub fn book_of(token: U256) -> OrderBookSummaryRequest {
    OrderBookSummaryRequest::builder().token_id(token).build()
}

/// The list of markets, page after page to its end.
pub async fn every_market(visitor: &clob::Client) -> Vec<MarketResponse> {
    let mut markets = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let page = visitor.markets(cursor).await.unwrap();
        assert_eq!(usize::try_from(page.count).unwrap(), page.data.len());
        markets.extend(page.data);
        if page.next_cursor == LAST_PAGE {
            return markets;
        }
        cursor = Some(page.next_cursor);
    }
    panic!("the list of markets does not end");
}

/// No category charges a taker more than 7 % of shares × p × (1 − p); makers are charged nothing.
pub fn fee_max(price: Decimal, shares: Decimal) -> Decimal {
    Decimal::new(7, 2) * shares * price * (Decimal::ONE - price)
}

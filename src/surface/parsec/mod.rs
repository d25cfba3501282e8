//! Parsec's trader and builder API (parsec.md): reads its wire, asks the service, writes its wire; decides nothing.

mod account;
mod auth;
mod body;
mod book;
mod builder;
mod call;
mod credentials;
mod ctf;
mod cursor;
mod error;
mod events;
mod execution;
mod legacy;
mod listing;
mod market_query;
mod market_wire;
mod markets;
mod number;
mod onboard;
mod order_wire;
mod orders;
mod params;
mod price;
mod selector;
mod siwe;
mod sockets;
mod text;
mod trades;
mod usage;
mod wallet;

use crate::http::Surface;

/// All of it, at the root of its origin: SDKs build `/api/v1/…` and `/ws` from one base URL (§0.3).
pub(super) fn surface() -> Surface {
    let endpoints = [
        markets::endpoints(),
        events::endpoints(),
        book::endpoints(),
        price::endpoints(),
        trades::endpoints(),
        usage::endpoints(),
        orders::endpoints(),
        account::endpoints(),
        onboard::endpoints(),
        wallet::endpoints(),
        ctf::endpoints(),
        builder::endpoints(),
        legacy::endpoints(),
        siwe::endpoints(),
        sockets::endpoints(),
    ];
    Surface {
        name: "parsec",
        prefix: "",
        endpoints: endpoints.into_iter().flatten().collect(),
        refused: call::refused,
        not_found: |request| Box::pin(std::future::ready(call::not_found(&request))),
        wrong_verb: |request, allowed| Box::pin(std::future::ready(call::wrong_verb(&request, &allowed))),
    }
}

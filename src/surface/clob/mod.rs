//! Polymarket: the CLOB, Gamma, the Data API and the relayer (docs: polymarket-clob.md). Reads their wires, asks the
//! service, writes their wires; decides nothing.

mod account;
mod auth;
mod book;
mod call;
mod data;
mod error;
mod gamma;
mod keys;
mod market_data;
mod market_wire;
mod order_wire;
mod orders;
mod pages;
mod prices;
mod reads;
mod relayer;
mod sockets;
mod text;
mod to_wire;

use crate::http::{Endpoint, Surface};
use auth::Anyone;
use call::{Call, endpoint};

/// The CLOB with its sockets, at the root of its origin: clients sign its paths as they are (§1).
pub(super) fn clob() -> Surface {
    let root = vec![endpoint(actix_web::http::Method::GET, "/", |_: Call<Anyone>| async { Ok(call::ok()) })];
    let endpoints = [
        root,
        market_data::endpoints(),
        book::endpoints(),
        prices::endpoints(),
        keys::endpoints(),
        account::endpoints(),
        orders::endpoints(),
        reads::endpoints(),
        sockets::endpoints(),
        relayer::node(),
    ];
    surface("clob", "", endpoints.into_iter().flatten().collect())
}

/// Which markets and events there are (§9).
pub(super) fn gamma() -> Surface {
    surface("gamma", "/gamma", gamma::endpoints())
}

/// Positions and history, as a public chain shows them (§10).
pub(super) fn data() -> Surface {
    surface("data", "/data-api", data::endpoints())
}

/// What would go to a chain (§11).
pub(super) fn relayer() -> Surface {
    surface("relayer", "/relayer", relayer::endpoints())
}

fn surface(name: &'static str, prefix: &'static str, endpoints: Vec<Endpoint>) -> Surface {
    Surface {
        name,
        prefix,
        endpoints,
        refused: call::refused,
        not_found: |request| Box::pin(std::future::ready(call::not_found(&request))),
        wrong_verb: |request, allowed| Box::pin(std::future::ready(call::wrong_verb(&request, &allowed))),
    }
}

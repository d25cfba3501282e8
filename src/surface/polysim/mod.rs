//! PolySimulator (docs: polysimulator.md). Reads its wire, asks the service, writes its wire; decides nothing.

mod account;
mod auth;
mod call;
mod clob_reads;
mod encoding;
mod error;
mod events;
mod from_wire;
mod history;
mod keys;
mod markets;
mod order_wire;
mod orders;
mod params;
mod pm_orders;
mod sockets;
mod system;
mod to_wire;
mod updown;
mod wire;

use crate::http::Surface;

/// Everything this surface answers.
pub(super) fn surface() -> Surface {
    let endpoints = [
        system::endpoints(),
        markets::endpoints(),
        clob_reads::endpoints(),
        orders::endpoints(),
        pm_orders::endpoints(),
    ];
    let more = [account::endpoints(), keys::endpoints(), updown::endpoints(), sockets::endpoints()];
    Surface {
        name: "polysim",
        endpoints: endpoints.into_iter().chain(more).flatten().collect(),
        refused: call::refused,
        not_found: call::not_found,
        wrong_verb: call::wrong_verb,
    }
}

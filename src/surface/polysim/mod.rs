//! PolySimulator (docs: polysimulator.md). Reads its wire, asks the service, writes its wire; decides nothing.

mod account;
mod admin;
mod analysis;
mod auth;
mod call;
mod clob_reads;
mod encoding;
mod entry;
mod error;
mod events;
mod export;
mod from_wire;
mod history;
mod keys;
mod markets;
mod order_wire;
mod orders;
mod params;
mod pm_orders;
mod sockets;
mod spot_stream;
mod system;
mod to_wire;
mod updown;
mod wallets;
mod wire;

use crate::http::Surface;
use actix_web::web::{Data, ServiceConfig};
use error::Envelope;

/// What a user chose of this surface.
pub(super) fn configure(app: &mut ServiceConfig, structured_errors: bool) {
    app.app_data(Data::new(if structured_errors { Envelope::Structured } else { Envelope::Pm }));
}

/// Everything this surface answers.
pub(super) fn surface() -> Surface {
    let endpoints = [
        system::endpoints(),
        markets::endpoints(),
        clob_reads::endpoints(),
        orders::endpoints(),
        pm_orders::endpoints(),
    ];
    let more = [
        account::endpoints(),
        analysis::endpoints(),
        keys::endpoints(),
        wallets::endpoints(),
        export::endpoints(),
        updown::endpoints(),
        spot_stream::endpoints(),
        sockets::endpoints(),
        admin::endpoints(),
    ];
    Surface {
        name: "polysim",
        prefix: "",
        endpoints: endpoints.into_iter().chain(more).flatten().collect(),
        refused: call::refused,
        not_found: |request| Box::pin(call::not_found(request)),
        wrong_verb: |request, allowed| Box::pin(call::wrong_verb(request, allowed)),
    }
}

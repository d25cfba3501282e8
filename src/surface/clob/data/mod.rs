//! The Data API: positions and history of every wallet, as a public chain shows them (polymarket-clob.md §10). The
//! first generation writes camel case and lists, the second (`/v2`) snake case and pages.

mod activity;
mod empty;
mod generation2;
mod maths;
mod params;
mod positions;
mod reference;
mod totals;
mod trades;
mod wire;

use super::auth::Anyone;
use super::call::{Answer, Call, Reply, endpoint};
use crate::http::Endpoint;
use actix_web::http::Method;
use serde_json::json;

/// Everything below the Data API's root.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let all = [
        vec![endpoint(Method::GET, "/", get_health)],
        positions::endpoints(),
        trades::endpoints(),
        activity::endpoints(),
        totals::endpoints(),
        generation2::endpoints(),
        reference::endpoints(),
        empty::endpoints(),
    ];
    all.into_iter().flatten().collect()
}

async fn get_health(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"data": "OK"})))
}

//! What Gamma has and this exchange has nothing of: series, sports, teams, comments.

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use crate::http::Endpoint;
use actix_web::http::Method;
use serde_json::{Value, json};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/series", get_nothing),
        endpoint(Method::GET, "/series/{id}", get_series),
        endpoint(Method::GET, "/sports", get_nothing),
        endpoint(Method::GET, "/sports/market-types", get_market_types),
        endpoint(Method::GET, "/teams", get_nothing),
        endpoint(Method::GET, "/comments", get_nothing),
        endpoint(Method::GET, "/comments/keyset", get_comments),
        endpoint(Method::GET, "/comments/{id}", get_nothing),
        endpoint(Method::GET, "/comments/user_address/{address}", get_nothing),
    ]
}

async fn get_nothing(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&Vec::<Value>::new()))
}

async fn get_series(_: Call<Anyone>) -> Answer {
    Err(Failure::not_found("series not found"))
}

async fn get_market_types(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"marketTypes": []})))
}

async fn get_comments(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"comments": []})))
}

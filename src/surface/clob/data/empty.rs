//! What the Data API has and this exchange has nothing of: rankings, builders, combos.

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::wire::{Page, Single};
use crate::http::Endpoint;
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/leaderboard", get_list),
        endpoint(Method::GET, "/v1/market-positions", get_list),
        endpoint(Method::GET, "/v1/builders/leaderboard", get_list),
        endpoint(Method::GET, "/v1/builders/volume", get_list),
        endpoint(Method::GET, "/v1/positions/combos", get_combos),
        endpoint(Method::GET, "/v1/activity/combos", get_combo_activity),
        endpoint(Method::GET, "/v2/leaderboard", get_ranking),
        endpoint(Method::GET, "/v2/biggest-winners", get_page),
        endpoint(Method::GET, "/v2/builders/leaderboard", get_page),
        endpoint(Method::GET, "/v2/builders/volume", get_volumes),
        endpoint(Method::GET, "/v2/positions/combos", get_page),
        endpoint(Method::GET, "/v2/activity/combos", get_page),
    ]
}

async fn get_list(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&Vec::<Value>::new()))
}

fn end() -> Value {
    json!({"limit": 0, "offset": 0, "has_more": false})
}

async fn get_combos(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"combos": [], "pagination": end()})))
}

async fn get_combo_activity(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"activity": [], "pagination": end()})))
}

async fn get_page(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&Page::<Value>::new(Vec::new(), None)))
}

async fn get_volumes(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&Single { data: Vec::<Value>::new() }))
}

#[derive(Deserialize)]
struct Ranked {
    user: Option<String>,
}

/// The list of traders, or where one of them stands in it: nobody is ranked.
async fn get_ranking(call: Call<Anyone>) -> Answer {
    let query: Ranked = call.query()?;
    match query.user {
        Some(_) => Ok(Reply::json(&Single { data: Value::Null })),
        None => get_page(call).await,
    }
}

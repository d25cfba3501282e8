//! What would go to a chain: the relayer and a node (§11). Wallets are taken for deployed, so that clients trade
//! without either; nothing else can be done on a chain that is not there.

use super::auth::Anyone;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use crate::http::Endpoint;
use actix_web::http::Method;
use serde_json::{Value, json};

/// What every other wish is answered with.
const NO_CHAIN: &str = "on-chain actions are not available on the paper exchange";
/// Polygon, the chain that orders are signed for, in the hexadecimal digits of JSON-RPC and in decimal ones.
const CHAIN: [&str; 2] = ["0x89", "137"];
/// JSON-RPC's codes for a method that is not there, a call that is none, and a body that can't be read.
const NO_METHOD: i32 = -32_601;
const NO_CALL: i32 = -32_600;
const NO_JSON: i32 = -32_700;
/// Calls in one batch at most.
const BATCH_MAX: usize = 100;

/// Everything below the relayer's root.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/deployed", get_deployed),
        endpoint(Method::POST, "/submit", refuse),
        endpoint(Method::GET, "/nonce", refuse),
        endpoint(Method::GET, "/relay-payload", refuse),
        endpoint(Method::GET, "/transaction", refuse),
        endpoint(Method::GET, "/transactions", refuse),
        endpoint(Method::GET, "/v1/account/transactions/params", refuse),
        endpoint(Method::GET, "/v1/account/transactions/{id}", refuse),
    ]
}

/// A node's only path, at the root of the origin.
pub(super) fn node() -> Vec<Endpoint> {
    vec![endpoint(Method::POST, "/rpc", post_rpc)]
}

/// Every wallet is: otherwise a client would begin by deploying its own.
async fn get_deployed(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"deployed": true})))
}

async fn refuse(_: Call<Anyone>) -> Answer {
    Err(Failure::bad_request(NO_CHAIN))
}

async fn post_rpc(call: Call<Anyone>) -> Answer {
    Ok(Reply::json(&answers(&call.body)))
}

/// The answer to a call, or the answers to a batch of them.
fn answers(body: &[u8]) -> Value {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return failed(&Value::Null, NO_JSON, "the body is not JSON");
    };
    match body.as_array() {
        None => answer(&body),
        Some(batch) if batch.is_empty() || batch.len() > BATCH_MAX => {
            failed(&Value::Null, NO_CALL, "a batch of no calls, or of too many")
        }
        Some(batch) => batch.iter().map(answer).collect(),
    }
}

fn answer(call: &Value) -> Value {
    let id = call.get("id").unwrap_or(&Value::Null);
    let result = match call.get("method").and_then(Value::as_str) {
        Some("eth_chainId") => CHAIN[0],
        Some("net_version") => CHAIN[1],
        Some(_) => return failed(id, NO_METHOD, NO_CHAIN),
        None => return failed(id, NO_CALL, "method is missing"),
    };
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn failed(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_chain_and_nothing_else() {
        for (body, expected) in [
            (r#"{"id":1,"method":"eth_chainId","params":[]}"#, r#"{"id":1,"jsonrpc":"2.0","result":"0x89"}"#),
            (r#"{"id":"a","method":"net_version"}"#, r#"{"id":"a","jsonrpc":"2.0","result":"137"}"#),
        ] {
            let expected: Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(answers(body.as_bytes()), expected, "{body}");
        }
        for (body, code) in [
            (r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x"]}"#, NO_METHOD),
            (r#"{"id":1}"#, NO_CALL),
            ("[]", NO_CALL),
            ("7", NO_CALL),
            ("{", NO_JSON),
            ("", NO_JSON),
        ] {
            assert_eq!(answers(body.as_bytes())["error"]["code"], code, "{body}");
        }
    }

    #[test]
    fn a_batch_is_answered_call_by_call() {
        let body = r#"[{"id":1,"method":"eth_chainId"},{"id":2,"method":"eth_call"}]"#;
        let answers = answers(body.as_bytes());
        assert_eq!(answers[0]["result"], "0x89");
        assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(NO_METHOD)));
    }
}

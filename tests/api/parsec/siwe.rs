//! Signing in with a wallet (§10.4): the same key for the same wallet, and nothing for anybody else.

use super::{Caller, refused, text};
use crate::clob::wallet::Wallet;
use crate::harness::{Answer, Options, Server};
use alloy_primitives::keccak256;
use serde_json::json;

fn nonce(server: &Server) -> String {
    let nonce = server.get("/api/v1/auth/siwe/nonce").send().ok("a nonce");
    let nonce = text(&nonce, "nonce").to_owned();
    assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{nonce}");
    nonce
}

/// Clients stamp with the wall's time.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// The text of EIP-4361, as wallets show it.
fn message(wallet: &Wallet, nonce: &str, at: &str) -> String {
    let address = wallet.address.to_checksum(None);
    format!(
        "localhost:3000 wants you to sign in with your Ethereum account:\n{address}\n\nSign in to Parsec\n\n\
         URI: http://localhost:3000\nVersion: 1\nChain ID: 137\nNonce: {nonce}\nIssued At: {at}"
    )
}

/// Signed as EIP-191 says, written after it and not after the server.
fn sign(wallet: &Wallet, message: &str) -> String {
    let prefix = format!("\x19Ethereum Signed Message:\n{}", message.len());
    wallet.sign(&keccak256([prefix.as_bytes(), message.as_bytes()].concat()))
}

fn send(server: &Server, message: &str, signature: &str) -> Answer {
    server.post("/api/v1/auth/siwe", &json!({"message": message, "signature": signature})).send()
}

fn sign_in(server: &Server, wallet: &Wallet) -> Answer {
    let message = message(wallet, &nonce(server), &now());
    send(server, &message, &sign(wallet, &message))
}

#[test]
fn the_same_wallet_gets_the_same_key_over_a_restart_too_and_trades_with_it() {
    let mut server = Server::start(Options::durable());
    let wallet = Wallet::stranger(61);
    let first = sign_in(&server, &wallet).ok("signed in");
    assert_eq!(first["wallet_address"], json!(wallet.address.to_string().to_lowercase()));
    assert_eq!(first["is_new"], true);
    server.kill();
    server.restart();
    let again = sign_in(&server, &wallet).ok("signed in");
    assert_eq!((&again["api_key"], &again["is_new"]), (&first["api_key"], &json!(false)));
    assert_eq!(again["customer_id"], first["customer_id"]);
    let caller = Caller::key(text(&first, "api_key"));
    let market = server.markets(1).remove(0);
    let order = caller.with(&super::wallet(61)).order(&server, &market, "buy", (market.bid, 5));
    assert_eq!(order.ok("an order on the wallet's account")["status"], "open");
    assert!(!server.log().contains(text(&first, "api_key")));
}

#[test]
fn a_ready_user_s_wallet_gets_the_key_that_it_has() {
    let server = Server::in_memory();
    let trader = Wallet::persona(&server, "trader");
    let signed_in = sign_in(&server, &trader).ok("signed in");
    assert_eq!(signed_in["api_key"], server.persona("trader", "pk_key"));
    assert_eq!(signed_in["customer_id"], server.persona("trader", "auth_user_id"));
}

#[test]
fn nobody_signs_in_with_what_another_signed_or_signed_before() {
    let server = Server::in_memory();
    let (wallet, other) = (Wallet::stranger(62), Wallet::stranger(63));
    let fresh = || message(&wallet, &nonce(&server), &now());
    let text = fresh();
    let signature = sign(&wallet, &text);
    send(&server, &text, &signature).ok("signed in");
    refused(&send(&server, &text, &signature), "a nonce twice", 401, "unauthorized");
    let text = fresh();
    refused(&send(&server, &text, &sign(&other, &text)), "another's signature", 401, "unauthorized");
    let changed = text.replace("Sign in to", "Sign out of");
    refused(&send(&server, &changed, &sign(&wallet, &text)), "another text", 401, "unauthorized");
    let made_up = message(&wallet, &"0".repeat(32), &now());
    refused(&send(&server, &made_up, &sign(&wallet, &made_up)), "a nonce of nobody's", 401, "unauthorized");
    let old = message(&wallet, &nonce(&server), "2020-01-01T00:00:00Z");
    refused(&send(&server, &old, &sign(&wallet, &old)), "what was signed long ago", 401, "unauthorized");
    refused(&send(&server, "let me in", "0x"), "no such text", 400, "bad_request");
    let lacking = server.post("/api/v1/auth/siwe", &json!({"message": "x"})).send();
    refused(&lacking, "no signature", 400, "missing_parameter");
}

//! Builders' fees in escrow (§9.8): set aside, paid as the order fills, given back, and never lost.

use super::{Caller, end_user, refused, text};
use crate::clob::wallet::Wallet;
use crate::harness::{Options, Server, printed, run};
use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::{Value, json};

/// A world whose second builder collects fees of 25 basis points.
fn server() -> (Server, tempfile::NamedTempFile) {
    let usual = include_str!("../../../fixtures/scenario/default.toml");
    let collects =
        "builder = { qps_pool = 500, escrow = { fee_bps = 25, fee_min = \"0.10\", affiliate_bps = 2000 } }";
    let name = "name = \"builder2\"\nplan = \"pro\"\nkey = \"active\"\n";
    let plain = format!("{name}builder = {{ qps_pool = 500 }}");
    assert!(usual.contains(&plain), "the scenario has a second builder");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), usual.replace(&plain, &format!("{name}{collects}"))).unwrap();
    let arguments = vec!["--scenario".to_owned(), file.path().display().to_string()];
    (Server::start(Options { arguments, ..Options::durable() }), file)
}

/// The digest of a fee as its payer signs it, written after §9.8 and not after the server.
fn digest(order_id: B256, payer: Address, amount: u64, deadline: u64) -> B256 {
    let number = |number: u64| B256::from(U256::from(number));
    let contract: Address = "0xbd25057b4d3252ca1ec26e1e5efb6480315ba142".parse().unwrap();
    let domain = [
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
        keccak256("ParsecFeeEscrow"),
        keccak256("1"),
        number(137),
        contract.into_word(),
    ];
    let message = [
        keccak256("PullFee(bytes32 orderId,address payer,uint256 feeAmount,uint256 deadline)"),
        order_id,
        payer.into_word(),
        number(amount),
        number(deadline),
    ];
    let (domain, message) = (keccak256(domain.concat()), keccak256(message.concat()));
    keccak256([b"\x19\x01".as_slice(), domain.as_slice(), message.as_slice()].concat())
}

const DEADLINE: u64 = 4_000_000_000;

/// An order of 10 shares with a signed fee.
fn order(wallet: &Wallet, market: &str, cents: i64, number: u8, amount: u64) -> Value {
    let payer = wallet.address;
    signed((wallet, payer), market, cents, (B256::repeat_byte(number), amount, DEADLINE))
}

/// The same with a fee that one signs and another pays.
fn signed(
    (signer, payer): (&Wallet, Address),
    market: &str,
    cents: i64,
    (order_id, amount, deadline): (B256, u64, u64),
) -> Value {
    let signature = signer.sign(&digest(order_id, payer, amount, deadline));
    json!({
        "market_id": market, "outcome": "Yes", "side": "buy", "price": super::number(cents), "size": 10,
        "fee_auth": {"order_id": order_id, "payer": payer, "fee_amount": amount.to_string(),
            "deadline": deadline, "signature": signature},
        "payer_address": payer, "signer_address": signer.address,
    })
}

const PLACE: &str = "/orders?exchange=polymarket";

#[test]
fn a_fee_is_set_aside_paid_as_its_order_fills_and_given_back_when_it_ends() {
    let (mut server, _scenario) = server();
    let market = server.markets(1).remove(0);
    let builder = Caller::persona(&server, "builder2");
    let config = builder.get(&server, "/builder/escrow/config").ok("the config");
    let shown = json!([
        config["fee_escrow_enabled"],
        config["fee_bps"],
        config["min_fee_usdc"],
        config["affiliate_fee_bps"]
    ]);
    assert_eq!(shown, json!([true, 25, "100000", 2000]));
    let made = end_user(&server, &builder, "payer");
    assert_eq!((&made["fee_escrow_enabled"], &made["fee_bps"]), (&json!(true), &json!(25)));
    let customer = text(&made, "customer_id").to_owned();
    let acting = builder.acting_for(&customer).with(&super::wallet(91));
    let wallet = Wallet::stranger(91);
    let affiliate = Wallet::stranger(92).with_key(&server);
    assert_eq!(acting.cash(&server), 1_000_000_000);
    // It rests: what it needs is reserved, and its fee is set aside.
    let mut asked = order(&wallet, &market.condition, market.bid + 1, 1, 200_000);
    asked["affiliate"] = json!(affiliate.address);
    let placed = acting.post(&server, PLACE, &asked).ok("an order");
    let price = (market.bid + 1) * 10_000;
    assert_eq!(acting.cash(&server), 1_000_000_000 - 10 * price - 200_000);
    // Somebody sells 5 of the 10: half of the fee is paid, a fifth of that to the affiliate.
    let seller = Caller::persona(&server, "trader");
    let split = json!({"condition_id": market.condition, "amount": "20000000"});
    seller.post(&server, "/polymarket/ctf/split", &split).ok("pairs");
    let sale = seller.order(&server, &market, "sell", (market.bid + 1, 5)).ok("a sale");
    assert_eq!(sale["status"], "filled");
    assert_eq!(affiliate.cash(&server), 1_000_000_000 + 20_000);
    // The rest is taken back, and with it the rest of the fee.
    let path = format!("/orders/{}?exchange=polymarket", text(&placed, "id"));
    let ended = acting.delete(&server, &path).ok("taken back");
    assert_eq!((&ended["status"], &ended["filled"]), (&json!("cancelled"), &json!(5)));
    assert_eq!(acting.cash(&server), 1_000_000_000 - 5 * price - 100_000);
    // The money is there to the last micro-dollar, after a restart too.
    server.kill();
    server.restart();
    server.stop();
    let audit = run(&["audit", "--data", &server.data_text()]);
    assert!(audit.status.success(), "{}", printed(&audit));
}

#[test]
fn a_fee_that_was_not_signed_for_this_is_refused_and_nothing_is_done() {
    let (server, _scenario) = server();
    let market = server.markets(1).remove(0);
    let builder = Caller::persona(&server, "builder2");
    let customer = text(&end_user(&server, &builder, "payer"), "customer_id").to_owned();
    let acting = builder.acting_for(&customer).with(&super::wallet(91));
    let wallet = Wallet::stranger(91);
    let good = order(&wallet, &market.condition, market.bid, 1, 200_000);
    acting.post(&server, PLACE, &good).ok("an order");
    server.stand_still();
    let before = server.digest();
    let changed = |pointer: &str, value: Value| {
        let mut order = order(&wallet, &market.condition, market.bid, 2, 200_000);
        *order.pointer_mut(pointer).expect("a member") = value;
        order
    };
    // The account obeys one wallet: no other signs its money away.
    let stranger = Wallet::stranger(94);
    let fee = |who: (&Wallet, Address), deadline| {
        signed(who, &market.condition, market.bid, (B256::repeat_byte(2), 200_000, deadline))
    };
    for (order, error) in [
        (good.clone(), "fee_auth.order_id was used before"),
        (changed("/fee_auth", Value::Null), "fee_auth is required"),
        (changed("/payer_address", json!(Address::ZERO)), "payer_address must equal fee_auth.payer"),
        (fee((&wallet, wallet.address), 1_000), "fee_auth.deadline has passed"),
        (fee((&wallet, stranger.address), DEADLINE), "fee_auth.payer is not the wallet that trades"),
        (fee((&stranger, stranger.address), DEADLINE), "fee_auth.payer is not the wallet that trades"),
        (changed("/fee_auth/fee_amount", json!("99999")), "fee_auth.fee_amount is below the minimum fee"),
        (changed("/fee_auth/fee_amount", json!("200001")), "fee_auth.signature is not valid"),
        (changed("/signer_address", json!(Address::ZERO)), "fee_auth.signature is not valid"),
        (changed("/fee_auth/signature", json!("0x00")), "fee_auth.signature is not valid"),
    ] {
        let answer = acting.post(&server, PLACE, &order);
        refused(&answer, error, 400, "bad_request");
        assert_eq!(answer.json["error"], error);
    }
    // More than there is: neither the fee nor the order is taken.
    let dear = order(&wallet, &market.condition, market.bid, 3, 999_000_000);
    refused(&acting.post(&server, PLACE, &dear), "a fee beyond the cash", 402, "insufficient_funds");
    assert_eq!(server.digest(), before);
    // Where no fees are collected nobody asks for one.
    let free = Caller::persona(&server, "builder");
    let other = text(&end_user(&server, &free, "free"), "customer_id").to_owned();
    let other = free.acting_for(&other).with(&super::wallet(93));
    assert_eq!(other.order(&server, &market, "buy", (market.bid, 10)).ok("an order")["status"], "open");
    assert_eq!(other.cash(&server), 1_000_000_000 - 10 * market.bid * 10_000);
}

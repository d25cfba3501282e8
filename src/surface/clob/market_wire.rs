//! Markets as the CLOB describes them (§§5.2.1, 5.2.2). Here sizes, ticks and prices are numbers.

use super::book::NO_PRICE;
use super::text::{iso, label, number, token};
use crate::service::markets::{Ticker, tick_of, touch_of};
use crate::service::{MarketSpec, Status};
use crate::types::{Outcome, Payout, Price, format_scaled};
use serde_json::{Value, json};

/// Whether orders are taken, and whether the market is over for good.
pub(super) fn open_closed(status: Status) -> (bool, bool) {
    match status {
        Status::Open => (true, false),
        Status::Halted => (false, false),
        Status::Resolved(_) => (false, true),
    }
}

/// A market in full. Some clients refuse one that lacks any of these members.
pub(super) fn market(ticker: &Ticker) -> Value {
    let (spec, facts) = (&ticker.spec, &ticker.spec.facts);
    let (is_open, is_over) = open_closed(ticker.status);
    json!({
        "enable_order_book": !is_over,
        "active": true,
        "closed": is_over,
        "archived": false,
        "accepting_orders": is_open,
        "accepting_order_timestamp": iso(facts.opened_at),
        "minimum_order_size": number(&spec.minimum.plain()),
        "minimum_tick_size": tick(spec),
        "condition_id": facts.condition_id,
        "question_id": facts.question_id,
        "question": facts.question,
        "description": facts.question,
        "market_slug": facts.slug,
        "end_date_iso": facts.ends_at.map(iso),
        "game_start_time": null,
        "seconds_delay": 0,
        "fpmm": "",
        "maker_base_fee": 0,
        "taker_base_fee": 0,
        "notifications_enabled": true,
        "neg_risk": facts.neg_risk,
        "neg_risk_market_id": facts.neg_risk_id,
        "neg_risk_request_id": "",
        "icon": "",
        "image": "",
        "rewards": rewards(),
        "is_50_50_outcome": ticker.status == Status::Resolved(Payout::Split),
        "tokens": tokens(ticker),
        "tags": tags(spec),
    })
}

/// A market in short.
pub(super) fn simplified(ticker: &Ticker) -> Value {
    let (is_open, is_over) = open_closed(ticker.status);
    json!({
        "condition_id": ticker.spec.facts.condition_id,
        "tokens": tokens(ticker),
        "rewards": rewards(),
        "active": true,
        "closed": is_over,
        "archived": false,
        "accepting_orders": is_open,
    })
}

/// What an order needs to know of its market, under the shortest names.
pub(super) fn info(ticker: &Ticker) -> Value {
    let (spec, facts) = (&ticker.spec, &ticker.spec.facts);
    let (is_open, _) = open_closed(ticker.status);
    let token = |outcome| json!({"t": token(spec, outcome), "o": label(spec, outcome)});
    json!({
        "c": facts.condition_id,
        "t": Outcome::BOTH.map(token),
        "mts": tick(spec),
        "mos": number(&spec.minimum.plain()),
        "mbf": 0,
        "tbf": 0,
        "nr": facts.neg_risk,
        "fd": fees(spec),
        "r": null,
        "rfqe": false,
        "itode": false,
        "ibce": false,
        "ao": is_open,
        "cbos": false,
        "aot": iso(facts.opened_at),
        "sd": 0,
        "gst": null,
        "oas": 0,
    })
}

/// Which market a token is of.
pub(super) fn by_token(spec: &MarketSpec) -> Value {
    json!({
        "condition_id": spec.facts.condition_id,
        "primary_token_id": token(spec, Outcome::Yes),
        "secondary_token_id": token(spec, Outcome::No),
    })
}

/// The smallest step in price, as a number.
pub(super) fn tick(spec: &MarketSpec) -> Value {
    number(&tick_of(spec).plain())
}

/// A rate of hundredths of a percent as a fraction.
pub(super) fn rate(rate_bps: u16) -> String {
    format_scaled(i64::from(rate_bps), 4, 0)
}

/// What a taker pays: `r × (p × (1 − p))^e` a share. Nothing where nobody pays.
fn fees(spec: &MarketSpec) -> Value {
    match spec.fees.rate_bps {
        0 => Value::Null,
        bps => json!({"r": number(&rate(bps)), "e": 1, "to": true}),
    }
}

/// No market pays rewards.
fn rewards() -> Value {
    json!({"rates": null, "min_size": 0, "max_spread": 0})
}

fn tokens(ticker: &Ticker) -> [Value; 2] {
    Outcome::BOTH.map(|outcome| {
        json!({
            "token_id": token(&ticker.spec, outcome),
            "outcome": label(&ticker.spec, outcome),
            "price": number(&price(ticker, outcome)),
            "winner": ticker.status == Status::Resolved(Payout::Winner(outcome)),
        })
    })
}

/// What an outcome is worth: at the end what it paid.
fn price(ticker: &Ticker, outcome: Outcome) -> String {
    let paid = |text: &str| text.to_owned();
    match ticker.status {
        Status::Resolved(Payout::Winner(winner)) if winner == outcome => paid("1"),
        Status::Resolved(Payout::Winner(_)) => paid("0"),
        Status::Resolved(Payout::Split) => paid("0.5"),
        Status::Open | Status::Halted => {
            touch_of(ticker.touch, outcome).mark.map_or_else(|| NO_PRICE.to_owned(), Price::plain)
        }
    }
}

fn tags(spec: &MarketSpec) -> Vec<&str> {
    let category = Some(spec.facts.category.as_str()).filter(|category| !category.is_empty());
    ["All"].into_iter().chain(category).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Touch;
    use crate::surface::clob::book::tests::{NO, YES, price, spec};
    use crate::types::MarketId;
    use std::sync::Arc;

    fn ticker(status: Status, mark: Option<u16>) -> Ticker {
        let touch = Touch { bid: None, ask: None, mark: mark.map(price) };
        Ticker { market: MarketId(1), spec: Arc::new(spec()), status, touch, last_trade: None }
    }

    #[test]
    fn tokens_are_worth_their_mark_and_in_the_end_what_they_paid() {
        for (status, mark, yes, no) in [
            (Status::Open, Some(6_250), "0.625", "0.375"),
            (Status::Halted, None, "0.5", "0.5"),
            (Status::Resolved(Payout::Winner(Outcome::No)), Some(6_250), "0", "1"),
            (Status::Resolved(Payout::Split), Some(6_250), "0.5", "0.5"),
        ] {
            let tokens = tokens(&ticker(status, mark));
            let shown = tokens.map(|token| format!("{} {}", token["token_id"], token["price"]));
            assert_eq!(shown, [format!("\"{YES}\" {yes}"), format!("\"{NO}\" {no}")], "{status:?}");
        }
    }

    #[test]
    fn a_market_that_is_over_takes_no_orders_and_names_its_winner() {
        let over = market(&ticker(Status::Resolved(Payout::Winner(Outcome::Yes)), None));
        for (member, expected) in [
            ("closed", json!(true)),
            ("accepting_orders", json!(false)),
            ("is_50_50_outcome", json!(false)),
            ("minimum_order_size", json!(5)),
            ("accepting_order_timestamp", json!("1970-01-01T00:00:00Z")),
            ("end_date_iso", json!(null)),
            ("tags", json!(["All"])),
        ] {
            assert_eq!(over[member], expected, "{member}");
        }
        assert_eq!(over["tokens"][0]["winner"], json!(true));
        assert_eq!(over["tokens"][1]["winner"], json!(false));
        assert_eq!(market(&ticker(Status::Resolved(Payout::Split), None))["is_50_50_outcome"], json!(true));
    }

    #[test]
    fn the_fee_is_told_as_a_fraction_or_not_at_all() {
        let told = info(&ticker(Status::Open, None));
        assert_eq!(told["fd"].to_string(), r#"{"e":1,"r":0.05,"to":true}"#);
        assert_eq!(told["mts"].to_string(), "0.01");
        let mut free = spec();
        free.fees.rate_bps = 0;
        assert_eq!(fees(&free), Value::Null);
    }
}

//! How much may be asked (§3): tiers, end users, the pool they share, and the month.

use super::{Caller, end_user, refused, text};
use crate::harness::{Answer, Options, Server};
use serde_json::json;

/// A world with limits on, whose time stands still.
fn still(scenario: impl Fn(&str) -> String) -> (Server, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), scenario(include_str!("../../../fixtures/scenario/default.toml"))).unwrap();
    let arguments = vec!["--scenario".to_owned(), file.path().display().to_string()];
    let server = Server::start(Options { arguments, ..Options::limited() });
    server.steer("/sim/clock/pause", &json!({}));
    (server, file)
}

/// How many requests pass before the first that does not, which is given.
fn burst(mut ask: impl FnMut() -> Answer) -> (usize, Answer) {
    let mut passed = 0;
    loop {
        let answer = ask();
        if answer.status == 429 {
            return (passed, answer);
        }
        assert_eq!(answer.status, 200, "{}", answer.text);
        passed += 1;
    }
}

#[test]
fn a_key_may_ask_its_tier_s_burst_at_once_and_its_rate_after_that() {
    let (server, _scenario) = still(str::to_owned);
    for (name, tier, rate, at_once) in
        [("reader", "free", 5, 5), ("trader", "pro", 60, 120), ("desk", "scale", 200, 400)]
    {
        let caller = Caller::persona(&server, name);
        let (passed, over) = burst(|| caller.get(&server, "/usage"));
        assert_eq!(passed, at_once, "{name}");
        let body = json!({"error": "rate limit exceeded", "code": "rate_limit_exceeded", "retryable": true,
            "tier": tier, "limit_qps": rate});
        assert_eq!((&over.json, over.header("retry-after")), (&body, "1"));
        assert_eq!(over.header("x-parsec-tier"), tier);
        server.advance(1);
        assert_eq!(burst(|| caller.get(&server, "/usage")).0, rate.min(at_once), "{name}, a second later");
    }
}

#[test]
fn an_end_user_is_held_to_its_own_limit_by_either_key_and_shows_where_it_stands() {
    let (server, _scenario) = still(str::to_owned);
    let builder = Caller::persona(&server, "builder");
    let made = super::made(&server, &builder, &json!({"external_id": "one", "qps_limit": 3}));
    let acting = builder.acting_for(text(&made, "customer_id"));
    let own = Caller::key(text(&made, "api_key"));
    let first = acting.get(&server, "/usage");
    let shown = ["user-limit", "user-remaining", "pool-limit"]
        .map(|name| first.header(&format!("x-ratelimit-{name}")).to_owned());
    assert_eq!(shown, ["3", "2", "500"]);
    assert!(first.header("x-ratelimit-pool-remaining").parse::<u32>().unwrap() < 499);
    assert_eq!(
        (&first.json["limits"]["rest_qps"], &first.json["limits"]["rest_qps_burst"]),
        (&json!(3), &json!(3))
    );
    let second = own.get(&server, "/usage");
    assert_eq!(
        (second.status, second.header("x-ratelimit-user-limit")),
        (200, ""),
        "its own key shows no pool"
    );
    assert_eq!(burst(|| acting.get(&server, "/usage")).0, 1);
    let (none, over) = burst(|| own.get(&server, "/usage"));
    assert_eq!((none, &over.json["limit_qps"]), (0, &json!(3)));
    // What is refused at the door costs nothing.
    server.advance(1);
    for _ in 0..5 {
        refused(&acting.acting_for("nobody").get(&server, "/usage"), "nobody", 403, "forbidden");
    }
    assert_eq!(burst(|| own.get(&server, "/usage")).0, 3);
}

#[test]
fn end_users_share_their_builder_s_pool_and_each_keeps_to_its_own_limit() {
    const POOL: usize = 40;
    const OWN: usize = 10;
    const USERS: usize = 8;
    const SECONDS: usize = 10;
    let (server, _scenario) = still(|usual| {
        let narrow = usual.replacen("qps_pool = 500", "qps_pool = 40", 1);
        assert_ne!(narrow, usual);
        narrow
    });
    let builder = Caller::persona(&server, "builder");
    let acting: Vec<_> = (0..USERS)
        .map(|number| {
            builder.acting_for(text(&end_user(&server, &builder, &format!("user-{number}")), "customer_id"))
        })
        .collect();
    // Everyone asks more than it may, in turn.
    let round = |asking: &[Caller]| {
        let mut passed = vec![0; asking.len()];
        for _ in 0..OWN + 2 {
            for (number, caller) in asking.iter().enumerate() {
                let answer = caller.get(&server, "/exchanges");
                passed[number] += usize::from(answer.status == 200);
                let is_known = answer.status == 200
                    || ["rate limit exceeded", "QPS pool exhausted"].contains(&text(&answer.json, "error"));
                assert!(is_known, "{}", answer.text);
            }
        }
        passed
    };
    // Making them drew on the pool: it is full again a second later.
    server.advance(1);
    let (mut all, mut each) = (0, vec![0; USERS]);
    for _ in 0..SECONDS {
        let passed = round(&acting);
        assert!(passed.iter().all(|passed| *passed <= OWN), "{passed:?}");
        assert_eq!(passed.iter().sum::<usize>(), POOL, "the pool and not one more: {passed:?}");
        all += passed.iter().sum::<usize>();
        each.iter_mut().zip(&passed).for_each(|(sum, passed)| *sum += passed);
        server.advance(1);
    }
    assert_eq!(all, POOL * SECONDS);
    assert!(each.iter().all(|sum| *sum <= OWN * SECONDS), "{each:?}");
    // Of what is not asked for by six, the other two get all that they may.
    for _ in 0..SECONDS {
        assert_eq!(round(&acting[..2]), [OWN, OWN]);
        server.advance(1);
    }
}

#[test]
fn a_pool_that_is_empty_says_so_and_takes_nothing_of_the_end_user() {
    let (server, _scenario) = still(|usual| usual.replacen("qps_pool = 500", "qps_pool = 4", 1));
    let builder = Caller::persona(&server, "builder");
    let customer = text(&end_user(&server, &builder, "one"), "customer_id").to_owned();
    server.advance(1);
    let acting = builder.acting_for(&customer);
    let (passed, over) = burst(|| acting.get(&server, "/usage"));
    assert_eq!(passed, 4);
    let body = json!({"error": "QPS pool exhausted", "code": "rate_limit_exceeded", "retryable": true, "tier": "free",
        "limit_qps": 4});
    assert_eq!((&over.json, over.header("retry-after")), (&body, "1"));
    let left = ["user-limit", "user-remaining", "pool-limit", "pool-remaining"];
    assert_eq!(
        left.map(|name| over.header(&format!("x-ratelimit-{name}")).to_owned()),
        ["10", "6", "4", "0"]
    );
    refused(&builder.get(&server, "/usage"), "the builder draws on it too", 429, "rate_limit_exceeded");
}

#[test]
fn a_month_s_requests_are_counted_shown_and_begin_anew_with_the_month() {
    let (server, _scenario) = still(|usual| {
        let rules = "requests_per_second = 100, burst = 100, requests_per_month = 3, history_days = 5, subscriptions_max = 3, depth_max = 10";
        let table = format!(
            "[customers]\nqps_limit = 10\nfree = {{ {rules} }}\npro = {{ {rules} }}\nscale = {{ {rules} }}\n\n[agents]"
        );
        usual.replace("[agents]", &table)
    });
    let reader = Caller::persona(&server, "reader");
    let first = reader.get(&server, "/usage");
    assert_eq!(first.json["usage"]["monthly_requests"], 1);
    assert_eq!(first.json["limits"]["monthly_requests"], 3);
    let headers =
        ["limit", "remaining"].map(|name| first.header(&format!("x-ratelimit-monthly-{name}")).to_owned());
    assert_eq!(headers, ["3", "2"]);
    let ends: i64 = first.header("x-ratelimit-monthly-reset").parse().unwrap();
    assert_eq!(json!(ends), first.json["billing_period_end"]);
    let (passed, over) = burst(|| reader.get(&server, "/usage"));
    assert_eq!(passed, 2);
    let body = json!({"error": "monthly request limit exceeded", "code": "monthly_limit_exceeded", "retryable": false});
    assert_eq!((&over.json, over.header("x-should-retry"), over.header("retry-after")), (&body, "false", ""));
    server.advance(32 * 86_400);
    assert_eq!(reader.get(&server, "/usage").ok("a new month")["usage"]["monthly_requests"], 1);
}

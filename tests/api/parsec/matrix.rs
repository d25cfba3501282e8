//! Who is let in where, and for whom (§2.4): every credential, with every end user named, on every route.

use super::{Caller, end_user, kalshi, text};
use crate::harness::{Answer, Request, Server};
use papertape::surface::surfaces;
use serde_json::json;

/// What a caller shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    UnknownKey,
    TraderKey,
    BuilderKey,
    OtherBuildersKey,
    /// The very key of the end user that is the builder's.
    EndUsersKey,
    /// A builder's key, shown as a token.
    Bearer,
    UnknownBearer,
}

/// Whom it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Nobody,
    OwnUser,
    OthersUser,
    UnknownUser,
    DeactivatedUser,
    /// The builder's own customer id: it is nobody's end user.
    Itself,
}

const SHOWS: [Shows; 8] = [
    Shows::Nothing,
    Shows::UnknownKey,
    Shows::TraderKey,
    Shows::BuilderKey,
    Shows::OtherBuildersKey,
    Shows::EndUsersKey,
    Shows::Bearer,
    Shows::UnknownBearer,
];

const NAMES: [Names; 6] = [
    Names::Nobody,
    Names::OwnUser,
    Names::OthersUser,
    Names::UnknownUser,
    Names::DeactivatedUser,
    Names::Itself,
];

/// Routes that ask for nothing.
const PUBLIC: [&str; 5] = [
    "/api/v1/auth/siwe",
    "/api/v1/auth/siwe/nonce",
    "/api/v1/billing/checkout",
    "/api/v1/billing/portal",
    "/api/v1/webhook/stripe",
];

/// How a caller is refused at the door, or that it is not: the table of §2.4, written out.
fn expected(path: &str, shows: Shows, names: Names) -> Option<(u16, &'static str, &'static str)> {
    if PUBLIC.contains(&path) {
        return None;
    }
    let for_builders = path.starts_with("/api/v1/builder/");
    // A terminal's token has all of the key's power: nobody else's name goes with it (§10.3).
    let is_named = names != Names::Nobody && !for_builders && path != "/api/v1/dev/session/bootstrap";
    match shows {
        Shows::Nothing => return Some((401, "unauthorized", "missing X-API-Key header")),
        Shows::Bearer | Shows::UnknownBearer if is_named => {
            return Some((400, "bad_request", "X-Builder-Customer-Id cannot be used with Bearer token auth"));
        }
        Shows::UnknownKey | Shows::UnknownBearer => return Some((401, "unauthorized", "invalid API key")),
        Shows::TraderKey
        | Shows::BuilderKey
        | Shows::OtherBuildersKey
        | Shows::EndUsersKey
        | Shows::Bearer => {}
    }
    let is_builder = matches!(shows, Shows::BuilderKey | Shows::OtherBuildersKey | Shows::Bearer);
    if for_builders {
        return (!is_builder).then_some((403, "forbidden", "builder account required"));
    }
    if !is_named {
        return None;
    }
    if !is_builder {
        return Some((403, "forbidden", "X-Builder-Customer-Id requires a builder account"));
    }
    let owns = match names {
        Names::OwnUser | Names::DeactivatedUser => shows == Shows::BuilderKey,
        Names::OthersUser => shows == Shows::OtherBuildersKey,
        Names::UnknownUser | Names::Itself | Names::Nobody => false,
    };
    (!owns).then_some((403, "forbidden", "end-user not found or not owned by this builder"))
}

struct People {
    builder: Caller,
    other: Caller,
    own: (String, String),
    others: String,
    deactivated: String,
}

impl People {
    fn of(server: &Server) -> Self {
        let (builder, other) = (Caller::persona(server, "builder"), Caller::persona(server, "builder2"));
        let own = end_user(server, &builder, "own");
        let gone = end_user(server, &builder, "gone");
        let others = end_user(server, &other, "own");
        let path = format!("/builder/users/{}", text(&gone, "customer_id"));
        assert_eq!(builder.delete(server, &path).status, 204);
        Self {
            own: (text(&own, "customer_id").to_owned(), text(&own, "api_key").to_owned()),
            others: text(&others, "customer_id").to_owned(),
            deactivated: text(&gone, "customer_id").to_owned(),
            builder,
            other,
        }
    }

    fn dressed<'a>(&self, server: &Server, request: Request<'a>, shows: Shows, names: Names) -> Request<'a> {
        let key = |request: Request<'a>, key: &str| request.header("X-API-Key", key);
        let unknown = format!("pk_live_{}", "0".repeat(32));
        let request = match shows {
            Shows::Nothing => request,
            Shows::UnknownKey => key(request, &unknown),
            Shows::TraderKey => key(request, server.persona("trader", "pk_key")),
            Shows::BuilderKey => key(request, &self.builder.key),
            Shows::OtherBuildersKey => key(request, &self.other.key),
            Shows::EndUsersKey => key(request, &self.own.1),
            Shows::Bearer => request.bearer(&self.builder.key),
            Shows::UnknownBearer => request.bearer(&unknown),
        };
        let named = match names {
            Names::Nobody => return request,
            Names::OwnUser => &self.own.0,
            Names::OthersUser => &self.others,
            Names::UnknownUser => "00000000-0000-4000-8000-000000000000",
            Names::DeactivatedUser => &self.deactivated,
            Names::Itself => server.persona("builder", "auth_user_id"),
        };
        request.header("X-Builder-Customer-Id", named)
    }
}

/// Whether a refusal is one of the door's: what a route itself refuses comes after it.
fn is_at_the_door(answer: &Answer) -> bool {
    let error = answer.json["error"].as_str().unwrap_or_default();
    answer.status == 401
        || error.contains("X-Builder-Customer-Id")
        || error.contains("builder account")
        || error.contains("end-user not found or not owned")
}

#[test]
fn who_may_act_for_whom_is_the_same_on_every_route() {
    let server = Server::in_memory();
    let people = People::of(&server);
    let parsec = surfaces().into_iter().find(|surface| surface.name == "parsec").expect("it is built in");
    let routes: Vec<_> =
        parsec.endpoints.iter().filter(|endpoint| endpoint.path.starts_with("/api/v1/")).collect();
    assert!(routes.len() >= 40, "{} routes", routes.len());
    let mut asked = 0;
    for route in routes {
        let method = match route.method.as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            other => panic!("{other} is no verb of this surface"),
        };
        // An end user that is there, so that nothing but the door refuses; and nothing that it would lose.
        let path = route.path.replace("{customer_id}", "nobody").replace("{order_id}", "order_1");
        for shows in SHOWS {
            for names in NAMES {
                let request = server.request(method, &path);
                let request = if method == "GET" { request } else { request.json(&json!({})) };
                let answer = people.dressed(&server, request, shows, names).send();
                let what = format!("{method} {path} showing {shows:?}, naming {names:?}");
                asked += 1;
                match expected(&route.path, shows, names) {
                    Some((status, code, error)) => {
                        let body = json!({"error": error, "code": code, "retryable": false});
                        assert_eq!((answer.status, &answer.json), (status, &body), "{what}");
                        assert_eq!(answer.header("x-parsec-tier"), "", "{what}: nobody is known");
                    }
                    None => assert!(
                        !is_at_the_door(&answer) && (answer.status < 500 || answer.status == 501),
                        "{what} was not let in: {} {}",
                        answer.status,
                        answer.text
                    ),
                }
            }
        }
    }
    assert!(asked >= 40 * 48, "{asked}");
}

#[test]
fn what_a_builder_does_for_an_end_user_is_the_end_users() {
    let server = Server::in_memory();
    let people = People::of(&server);
    let end_user = Caller::key(&people.own.1);
    let acting = people.builder.acting_for(&people.own.0);
    let onboard = json!({"exchange": "kalshi", "mode": "self", "api_key_id": "a", "private_key": kalshi("a")["private_key"]});
    acting.post(&server, "/onboard", &onboard).ok("onboarded");
    for caller in [&end_user, &acting] {
        let balance = caller.get(&server, "/balance?exchange=kalshi").ok("a balance");
        assert_eq!(balance, json!({"raw": {"balance": 100_000}}));
    }
    // The builder's own account knows nothing of it, nor does anybody else's end user.
    let own = people.builder.get(&server, "/balance?exchange=kalshi");
    super::refused(&own, "the builder itself", 403, "credentials_required");
    let others = people.other.acting_for(&people.others).get(&server, "/balance?exchange=kalshi");
    super::refused(&others, "another's end user", 403, "credentials_required");
    // An end user's key is none of a builder's.
    super::refused(&end_user.get(&server, "/builder/pool"), "an end user", 403, "forbidden");
}

#[test]
fn a_header_that_is_empty_names_nobody_and_one_that_is_no_id_names_nobody_known() {
    let server = Server::in_memory();
    let people = People::of(&server);
    let ask = |named: &str| {
        let request = server.get("/api/v1/usage").header("X-API-Key", &people.builder.key);
        request.header("X-Builder-Customer-Id", named).send()
    };
    assert_eq!(ask("").status, 200);
    for named in ["x", &people.own.0.to_uppercase(), &format!("{{{}}}", people.own.0), "é"] {
        super::refused(&ask(named), named, 403, "forbidden");
    }
    // A key decides, whatever token comes beside it.
    let both = server.get("/api/v1/usage").header("X-API-Key", &people.builder.key).bearer("nonsense");
    assert_eq!(both.header("X-Builder-Customer-Id", &people.own.0).send().status, 200);
    let empty = server.get("/api/v1/usage").header("X-API-Key", "").bearer(&people.builder.key).send();
    assert_eq!(empty.status, 200, "an empty key is none");
}

//! The only file that names all surfaces: one table of routes on one port (design §9).

#[cfg(feature = "clob")]
mod clob;
#[cfg(feature = "parsec")]
mod parsec;
#[cfg(feature = "polysim")]
mod polysim;
mod sim;

use crate::http::{self, Surface};
use crate::service::Service;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

/// The surfaces that were built in.
#[must_use]
pub fn surfaces() -> Vec<Surface> {
    vec![
        #[cfg(feature = "polysim")]
        polysim::surface(),
        #[cfg(feature = "clob")]
        clob::clob(),
        #[cfg(feature = "clob")]
        clob::gamma(),
        #[cfg(feature = "clob")]
        clob::data(),
        #[cfg(feature = "clob")]
        clob::relayer(),
        #[cfg(feature = "parsec")]
        parsec::surface(),
        sim::surface(),
    ]
}

/// Whose envelope a path gets that nobody knows: the longest of these prefixes decides, and where none fits the CLOB,
/// which owns the origin's root.
const OWNERS: &[(&str, &str)] = &[
    ("/v1", "polysim"),
    ("/admin", "polysim"),
    ("/prices", "polysim"),
    ("/markets/updown", "polysim"),
    ("/api/beta", "polysim"),
    ("/heartbeats", "polysim"),
    ("/gamma", "gamma"),
    ("/data-api", "data"),
    ("/relayer", "relayer"),
    ("/api", "parsec"),
    ("/api/geoblock", "clob"),
    ("/ws", "parsec"),
    ("/ws/market", "clob"),
    ("/ws/user", "clob"),
    ("//ws", "parsec"),
    ("/sim", "sim"),
    ("/healthz", "sim"),
];

/// The surface that answers for a path, by its place among some.
fn owner(path: &str, surfaces: &[&'static str]) -> usize {
    let place = |name: &str| surfaces.iter().position(|known| *known == name);
    let is_under =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let under = OWNERS.iter().filter(|(prefix, _)| is_under(prefix)).max_by_key(|(prefix, _)| prefix.len());
    let named = under.and_then(|(_, name)| place(name));
    named.or_else(|| place("clob")).unwrap_or(surfaces.len() - 1)
}

/// The answer to a caller that may not call at all, in the words of the surface it called.
#[must_use]
pub fn refuse(request: &HttpRequest, why: &str) -> HttpResponse {
    let surfaces = surfaces();
    let names: Vec<_> = surfaces.iter().map(|surface| surface.name).collect();
    (surfaces[owner(request.path(), &names)].refused)(request, why)
}

/// What of the surfaces a user may choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices {
    /// PolySimulator's error bodies: the later documents' instead of the usual ones.
    pub structured_errors: bool,
}

/// Puts every surface on one app.
pub fn mount(app: &mut ServiceConfig, service: &Service, choices: Choices) {
    prepare(app, service, choices);
    let surfaces = surfaces();
    let names: Vec<_> = surfaces.iter().map(|surface| surface.name).collect();
    http::mount(app, &surfaces, move |path| owner(path, &names));
}

/// Puts one surface on an app, alone and at its root. Paths of others are not found there, but for `/healthz`.
pub fn mount_alone(app: &mut ServiceConfig, service: &Service, choices: Choices, name: &str) {
    prepare(app, service, choices);
    let alone = surfaces().into_iter().filter(|surface| surface.name == name);
    // Whoever waits for a port asks there whether it serves (parsec.md §10.8).
    let with_health = |mut surface: Surface| {
        surface.endpoints.push(sim::health());
        Surface { prefix: "", ..surface }
    };
    let alone: Vec<_> = alone.map(with_health).collect();
    http::mount(app, &alone, |_| 0);
}

fn prepare(app: &mut ServiceConfig, service: &Service, choices: Choices) {
    app.app_data(Data::new(service.clone()));
    #[cfg(feature = "polysim")]
    polysim::configure(app, choices.structured_errors);
    #[cfg(not(feature = "polysim"))]
    let Choices { structured_errors: _ } = choices;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_says_whose_an_unknown_path_is() {
        let all = ["polysim", "clob", "gamma", "data", "relayer", "parsec", "sim"];
        for (path, expected) in [
            ("/v1/nothing", "polysim"),
            ("/v1", "polysim"),
            ("/v10", "clob"),
            ("/admin/nothing", "polysim"),
            ("/prices/nothing", "polysim"),
            ("/markets/updown/nothing", "polysim"),
            ("/markets/nothing/nothing", "clob"),
            ("/api/beta/nothing", "polysim"),
            ("/api/nothing", "parsec"),
            ("/api/v1", "parsec"),
            ("/api/geoblock/nothing", "clob"),
            ("/ws", "parsec"),
            ("//ws", "parsec"),
            ("/ws/nothing", "parsec"),
            ("/ws/market/nothing", "clob"),
            ("/ws/user/nothing", "clob"),
            ("/gamma/nothing", "gamma"),
            ("/gammas", "clob"),
            ("/data-api/nothing", "data"),
            ("/data/nothing", "clob"),
            ("/relayer/nothing", "relayer"),
            ("/sim/nothing", "sim"),
            ("/nothing", "clob"),
        ] {
            assert_eq!(all[owner(path, &all)], expected, "{path}");
            // Without its surface, a path is the last one's.
            assert_eq!(owner(path, &["sim"]), 0, "{path}");
        }
    }
}

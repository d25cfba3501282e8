//! The only file that names all surfaces: one table of routes on one port (design §9).

#[cfg(feature = "polysim")]
mod polysim;
mod sim;

use crate::http::{self, Surface};
use crate::service::Service;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

/// The surfaces that were built in, in the order of `owner`.
#[must_use]
pub fn surfaces() -> Vec<Surface> {
    vec![
        #[cfg(feature = "polysim")]
        polysim::surface(),
        sim::surface(),
    ]
}

/// Whose envelope a path gets that nobody knows.
fn owner(path: &str) -> usize {
    let last = surfaces_len() - 1;
    let is_polysim = ["/v1", "/admin", "/prices", "/markets/updown", "/api/beta", "/heartbeats"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if is_polysim && cfg!(feature = "polysim") { 0 } else { last }
}

/// The answer to a caller that may not call at all, in the words of the surface it called.
#[must_use]
pub fn refuse(request: &HttpRequest, why: &str) -> HttpResponse {
    (surfaces()[owner(request.path())].refused)(request, why)
}

const fn surfaces_len() -> usize {
    if cfg!(feature = "polysim") { 2 } else { 1 }
}

/// What of the surfaces a user may choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices {
    /// PolySimulator's error bodies: the later documents' instead of the usual ones.
    pub structured_errors: bool,
}

/// Puts every surface on one app.
pub fn mount(app: &mut ServiceConfig, service: &Service, choices: Choices) {
    app.app_data(Data::new(service.clone()));
    #[cfg(feature = "polysim")]
    polysim::configure(app, choices.structured_errors);
    #[cfg(not(feature = "polysim"))]
    let Choices { structured_errors: _ } = choices;
    http::mount(app, &surfaces(), owner);
}

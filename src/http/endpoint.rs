//! Endpoints as data, so that one table can register them and tests can walk it.

use actix_web::dev::HttpServiceFactory;
use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

/// One verb on one path.
#[derive(Clone)]
pub struct Endpoint {
    /// The verb.
    pub method: Method,
    /// The path's pattern.
    pub path: String,
    /// A header that a request must have to be meant for it.
    header: Option<&'static str>,
    route: Arc<dyn Fn() -> Route>,
}

impl Endpoint {
    /// An endpoint whose route is made anew for every worker.
    pub fn new(method: Method, path: &str, route: impl Fn() -> Route + 'static) -> Self {
        Self { method, path: path.to_owned(), header: None, route: Arc::new(route) }
    }

    /// The same for requests with a header alone: others on the path are for somebody else.
    #[must_use]
    pub fn with_header(self, name: &'static str) -> Self {
        Self { header: Some(name), ..self }
    }

    fn route(&self) -> Route {
        let route = (self.route)();
        match self.header {
            None => route,
            Some(name) => route.guard(fn_guard(move |call| call.head().headers().contains_key(name))),
        }
    }
}

/// A surface as the server sees it: its endpoints, and its words for what it has not.
#[derive(Clone)]
pub struct Surface {
    /// Its name.
    pub name: &'static str,
    /// What its paths begin with where others are served beside it: nothing, or `/` and a word.
    pub prefix: &'static str,
    /// What it answers.
    pub endpoints: Vec<Endpoint>,
    /// Its answer to a caller that may not call at all, and why not.
    pub refused: fn(&HttpRequest, &str) -> HttpResponse,
    /// Its answer to a path nobody knows.
    pub not_found: fn(HttpRequest) -> Answering,
    /// Its answer to a verb that a known path does not have. The verbs it has are given.
    pub wrong_verb: fn(HttpRequest, String) -> Answering,
}

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = HttpResponse>>>;

/// Registers every path as a resource of its own, never a scope on a shared prefix. Paths without variables
/// come first, so that they win. `owner` says whose envelope an unknown path gets.
pub fn mount(app: &mut ServiceConfig, surfaces: &[Surface], owner: impl Fn(&str) -> usize + 'static) {
    let mut paths: BTreeMap<(bool, String), Vec<(usize, &Endpoint)>> = BTreeMap::new();
    for (number, surface) in surfaces.iter().enumerate() {
        for endpoint in &surface.endpoints {
            let path = format!("{}{}", surface.prefix, endpoint.path);
            let key = (path.contains('{'), path);
            paths.entry(key).or_default().push((number, endpoint));
        }
    }
    for ((_, path), endpoints) in paths {
        let (number, _) = endpoints[0];
        app.service(resource(&path, &endpoints, surfaces[number].wrong_verb));
    }
    let answers: Vec<_> = surfaces.iter().map(|surface| surface.not_found).collect();
    let owner = Arc::new(owner);
    app.default_service(web::to(move |request: HttpRequest| answers[owner(request.path())](request)));
}

fn resource(
    path: &str,
    endpoints: &[(usize, &Endpoint)],
    wrong_verb: fn(HttpRequest, String) -> Answering,
) -> impl HttpServiceFactory + 'static {
    let mut resource = web::resource(path.to_owned());
    let mut verbs = Vec::new();
    for (_, endpoint) in endpoints {
        verbs.push(endpoint.method.as_str().to_owned());
    }
    // The first that matches is taken, so that those who ask for more come first.
    let (some, all): (Vec<_>, Vec<_>) = endpoints.iter().partition(|(_, endpoint)| endpoint.header.is_some());
    for (_, endpoint) in some.into_iter().chain(all) {
        resource = resource.route(endpoint.route());
    }
    verbs.sort_unstable();
    verbs.dedup();
    let allowed = verbs.join(", ");
    resource.default_service(web::to(move |request: HttpRequest| {
        if request.method() == Method::OPTIONS {
            let answer: Answering = Box::pin(std::future::ready(super::guard::preflight(&request, &allowed)));
            return answer;
        }
        wrong_verb(request, allowed.clone())
    }))
}

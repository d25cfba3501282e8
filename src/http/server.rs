//! Listening and serving.

use super::guard::Guard;
use actix_web::body::BoxBody;
use actix_web::dev::{Server, Service, ServiceResponse};
use actix_web::http::{KeepAlive, header};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

/// Connections one server holds at once.
const CONNECTIONS_MAX: usize = 25_000;

/// An address to listen on, as given.
#[derive(Clone, Debug)]
pub struct Listen(pub String);

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address can't be had.
    #[error("can't listen on {0}: {1}")]
    Unavailable(String, std::io::Error),
    /// Personas have public credentials.
    #[error(
        "{0} is reachable from other machines, and this world's users have publicly known credentials; \
         add --open to listen there all the same"
    )]
    NotLoopback(SocketAddr),
}

/// Sockets for an address. `localhost` is `127.0.0.1` and `::1`; port 0 takes a free one, the same for both.
///
/// # Errors
/// [`ListenError`].
pub fn bind(listen: &Listen, open: bool) -> Result<Vec<TcpListener>, ListenError> {
    let fail = |error| ListenError::Unavailable(listen.0.clone(), error);
    let mut addresses: Vec<SocketAddr> = listen.0.to_socket_addrs().map_err(fail)?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.dedup();
    let mut bound: Vec<TcpListener> = Vec::new();
    for mut address in addresses {
        if !open && !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        if let (0, Some(first)) = (address.port(), bound.first()) {
            address.set_port(first.local_addr().map_err(fail)?.port());
        }
        match TcpListener::bind(address) {
            Ok(listener) => bound.push(listener),
            // A machine without IPv6 still has localhost.
            Err(_) if !bound.is_empty() && address.is_ipv6() => {}
            Err(error) => return Err(fail(error)),
        }
    }
    Ok(bound)
}

/// Serves until the returned server is stopped. Whom the guard turns away gets what `refuse` makes of the reason.
///
/// # Errors
/// The operating system's, if a socket can't be used.
pub fn serve(
    listeners: Vec<TcpListener>,
    workers: usize,
    (guard, refuse): (Guard, impl Fn(&HttpRequest, &str) -> HttpResponse + Clone + Send + 'static),
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> std::io::Result<Server> {
    let mut server = HttpServer::new(move || {
        let (guard, refuse) = (guard.clone(), refuse.clone());
        App::new().configure(configure.clone()).wrap_fn(move |request, next| {
            let admitted = guard.admits(request.headers());
            let refused =
                admitted.err().map(|why| refusal(request.request(), refuse(request.request(), why)));
            let response = if refused.is_none() { Some(next.call(request)) } else { None };
            async move {
                match (response, refused) {
                    (Some(response), _) => response.await,
                    (None, Some(refused)) => Ok(refused),
                    (None, None) => unreachable!("BUG: neither let in nor refused"),
                }
            }
        })
    })
    .workers(workers)
    .max_connections(CONNECTIONS_MAX)
    .keep_alive(KeepAlive::Timeout(Duration::from_secs(75)))
    .client_request_timeout(Duration::from_secs(15))
    .shutdown_timeout(3)
    .disable_signals();
    for listener in listeners {
        server = server.listen(listener)?;
    }
    Ok(server.run())
}

/// A page that may not call may not read why, either.
fn refusal(request: &HttpRequest, mut response: HttpResponse) -> ServiceResponse<BoxBody> {
    response.headers_mut().remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    ServiceResponse::new(request.clone(), response)
}

//! Which credential a request carries, and which one a route takes (§§3, 4).

use super::error::Failure;
use crate::http::header;
use crate::service::callers::{MayManage, MayRead, MayTrade};
use crate::service::wallet_keys::{SignedRequest, WalletLogin, WalletProof};
use crate::service::{Caller, Purse, Service};
use crate::types::Reject;
use actix_web::HttpRequest;

/// What a route asks of its caller. Each kind is the proof that it was asked.
pub(super) trait Access: Sized + 'static {
    /// Proves it, from the request and the body that came with it.
    async fn prove(request: &HttpRequest, service: &Service, body: &[u8]) -> Result<Self, Failure>;
}

/// Anyone at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anyone;

/// A wallet that signed for its keys (L1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Wallet(pub(super) WalletProof);

/// The holder of a wallet's key, who signed the request with its secret (L2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Signer(Caller);

/// The holder of a builder's key, who signed the request with that, or of a wallet's key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Builder {
    /// The very key is meant.
    Itself(Caller),
    /// All of the wallet's are.
    Owner(Signer),
}

impl Access for Builder {
    async fn prove(request: &HttpRequest, service: &Service, body: &[u8]) -> Result<Self, Failure> {
        let Some(key) = header(request, "poly_builder_api_key") else {
            return Signer::prove(request, service, body).await.map(Self::Owner);
        };
        let text = |name| header(request, name).ok_or_else(Failure::unauthorized);
        let signed = SignedRequest {
            address: "",
            signature: text("poly_builder_signature")?,
            timestamp: text("poly_builder_timestamp")?,
            key,
            passphrase: text("poly_builder_passphrase")?,
            method: request.method().as_str(),
            path: request.path(),
            body,
        };
        service.authenticate_builder(&signed).map(Self::Itself).ok_or_else(Failure::unauthorized)
    }
}

impl Access for Anyone {
    async fn prove(_: &HttpRequest, _: &Service, _: &[u8]) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl Access for Wallet {
    async fn prove(request: &HttpRequest, service: &Service, _: &[u8]) -> Result<Self, Failure> {
        let unsigned = || Failure::new(401, "Invalid L1 Request headers");
        let text = |name| header(request, name).ok_or_else(unsigned);
        let login = WalletLogin {
            address: text("poly_address")?,
            signature: text("poly_signature")?,
            timestamp: text("poly_timestamp")?,
            nonce: header(request, "poly_nonce").unwrap_or("0"),
        };
        service.prove_wallet(&login).map(Self).ok_or_else(unsigned)
    }
}

impl Access for Signer {
    async fn prove(request: &HttpRequest, service: &Service, body: &[u8]) -> Result<Self, Failure> {
        let text = |name| header(request, name).ok_or_else(Failure::unauthorized);
        let signed = SignedRequest {
            address: text("poly_address")?,
            signature: text("poly_signature")?,
            timestamp: text("poly_timestamp")?,
            key: text("poly_api_key")?,
            passphrase: text("poly_passphrase")?,
            method: request.method().as_str(),
            path: request.path(),
            body,
        };
        service.authenticate_request(&signed).map(Self).ok_or_else(Failure::unauthorized)
    }
}

impl Signer {
    /// Who it is.
    pub(super) fn who(&self) -> &Caller {
        &self.0
    }

    /// The permit to manage its wallet's keys.
    pub(super) fn manages(&self, service: &Service) -> MayManage {
        service.may_manage(&self.0)
    }

    /// The permits for everything its wallet trades on.
    pub(super) fn permits(&self, service: &Service) -> Result<Vec<MayTrade>, Failure> {
        permits_of(service, &self.0).map_err(Failure::from)
    }

    /// The permit to see all of it.
    pub(super) fn reads(&self, service: &Service) -> Result<MayRead, Failure> {
        reads_of(service, &self.0).map_err(Failure::from)
    }

    /// The permit to see what its orders of a signature type draw on.
    pub(super) fn purse(&self, service: &Service, signature_type: u8) -> Result<MayRead, Failure> {
        let purse: Purse = service.purse_for(&self.0, signature_type)?;
        let permit = service.may_trade(&self.0, purse).map_err(Reject::from)?;
        Ok(permit.reads())
    }
}

fn permits_of(service: &Service, caller: &Caller) -> Result<Vec<MayTrade>, Reject> {
    let permits = service.may_trade_wallets(caller)?;
    if permits.is_empty() { Err(Reject::AccountNotFound) } else { Ok(permits) }
}

/// The permit to see everything that a wallet trades on.
pub(super) fn reads_of(service: &Service, caller: &Caller) -> Result<MayRead, Reject> {
    Ok(MayTrade::read_all(&permits_of(service, caller)?))
}

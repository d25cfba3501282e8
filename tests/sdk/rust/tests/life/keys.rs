//! Logging in: the wallet's credentials, and what a new account has.

use crate::common::{Bot, Server, fresh_wallet, refusal};
use crate::sdk::auth::{ApiKey, Credentials, ExposeSecret as _};
use crate::sdk::clob::types::AssetType;
use crate::sdk::clob::types::request::BalanceAllowanceRequest;
use crate::sdk::clob::types::response::ApiKeysResponse;
use crate::sdk::types::{Decimal, U256, Utc};
use crate::sdk::{POLYGON, contract_config};

const UNAUTHORIZED: &str = "Unauthorized/Invalid api key";

#[tokio::test]
async fn the_exchange_says_ok_and_tells_the_time() {
    let server = Server::start();
    let visitor = server.visitor();

    assert_eq!(visitor.ok().await.unwrap(), "OK");
    let apart = Utc::now().timestamp() - visitor.server_time().await.unwrap();
    assert!(apart.abs() <= 5, "{apart} s");
}

#[tokio::test]
async fn the_same_wallet_gets_the_same_credentials_again() {
    let server = Server::start();
    let (visitor, wallet) = (server.visitor(), fresh_wallet());

    let first = visitor.create_or_derive_api_key(&wallet, None).await.unwrap();
    let again = visitor.create_or_derive_api_key(&wallet, None).await.unwrap();
    let derived = visitor.derive_api_key(&wallet, None).await.unwrap();
    assert_eq!(parts(&first), parts(&again));
    assert_eq!(parts(&first), parts(&derived));

    let other_nonce = visitor.create_or_derive_api_key(&wallet, Some(1)).await.unwrap();
    assert_ne!(first.key(), other_nonce.key());
}

#[tokio::test]
async fn a_key_is_listed_until_it_is_deleted() {
    let server = Server::start();
    let bot = Bot::fresh(&server).await;

    let listed = ApiKeysResponse::builder().keys(vec![bot.key()]).build();
    assert_eq!(bot.clob.api_keys().await.unwrap(), listed);
    assert_eq!(bot.clob.delete_api_key().await.unwrap(), "OK");
    assert_eq!(refusal(bot.clob.api_keys().await), (401, UNAUTHORIZED.to_owned()));
}

#[tokio::test]
async fn a_key_with_another_keys_secret_opens_nothing() {
    let server = Server::start();
    let (bot, other) = (Bot::fresh(&server).await, Bot::fresh(&server).await);

    let secret = other.clob.credentials().secret().expose_secret().to_owned();
    let passphrase = bot.clob.credentials().passphrase().expose_secret().to_owned();
    let forged = Credentials::new(bot.key(), secret, passphrase);
    let login = server.visitor().authentication_builder(&bot.wallet).credentials(forged);
    let impostor = login.authenticate().await.unwrap();
    assert_eq!(refusal(impostor.api_keys().await), (401, UNAUTHORIZED.to_owned()));
}

#[tokio::test]
async fn a_new_account_has_money_and_every_approval_and_nothing_else() {
    let server = Server::start();
    let bot = Bot::fresh(&server).await;

    let request = BalanceAllowanceRequest::builder().asset_type(AssetType::Collateral).build();
    bot.clob.update_balance_allowance(request.clone()).await.unwrap();
    let answer = bot.clob.balance_allowance(request).await.unwrap();
    assert!(answer.balance >= Decimal::from(100_000_000), "{}", answer.balance);
    for neg_risk in [false, true] {
        let exchange = contract_config(POLYGON, neg_risk).unwrap().exchange;
        assert_eq!(answer.allowances[&exchange], U256::MAX.to_string());
    }

    assert!(!bot.clob.closed_only_mode().await.unwrap().closed_only);
    assert!(bot.clob.notifications().await.unwrap().is_empty());
    assert!(bot.open_orders().await.is_empty());
    assert!(bot.trades().await.is_empty());
}

fn parts(credentials: &Credentials) -> (ApiKey, &str, &str) {
    let (secret, passphrase) = (credentials.secret(), credentials.passphrase());
    (credentials.key(), secret.expose_secret(), passphrase.expose_secret())
}

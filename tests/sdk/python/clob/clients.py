"""The clients themselves: what each of them is asked, in its own words, for a verb of `bots.py`."""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, ClassVar

import py_clob_client.clob_types as types1
import py_clob_client_v2 as v2
from eth_account import Account
from eth_utils import keccak
from polymarket import AcceptedOrder, ApiKeyCreds, RejectedOrder, SecureClient
from polymarket._internal.actions.orders.post import build_post_order_request
from polymarket._internal.environment import PRODUCTION_CONFIG
from polymarket.environments import Environment
from py_clob_client.client import ClobClient as Client1
from py_clob_client.config import get_contract_config as contracts1
from py_clob_client.headers.headers import create_level_2_headers
from py_clob_client.http_helpers.helpers import post as http_post
from py_clob_client.utilities import order_to_json
from py_clob_client_v2.config import get_contract_config as contracts2
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV1, ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils.model.order_data_v1 import order_to_json_v1
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2, order_to_json_v2
from py_order_utils.builders import OrderBuilder as Builder1

from bots import (
    BUY,
    EOA,
    POLYGON,
    Balance,
    Bot,
    Canceled,
    Creds,
    Number,
    Order,
    Posted,
    Resting,
    Trade,
    environment,
    wallet_of,
)
from harness import dec


class _Plain(Bot):
    """What the two older clients have in common: they hand the JSON on as it came."""

    def _funds(self) -> dict[str, Any]:
        """What a user with another wallet than the key's own adds, and nobody else."""
        owner = Account.from_key(self.private_key).address
        return {} if self.kind == EOA else {"signature_type": self.kind, "funder": wallet_of(owner, self.kind)}

    @property
    def address(self) -> str:
        return self.client.get_address()

    @property
    def creds(self) -> Creds:
        held = self.client.creds
        return Creds(held.api_key, held.api_secret, held.api_passphrase)

    def post_all(self, batch: Sequence[tuple[Any, str]]) -> list[Posted]:
        return [posted(answer) for answer in self.client.post_orders([self._entry(*entry) for entry in batch])]

    @abstractmethod
    def _entry(self, signed: Any, kind: str) -> Any: ...

    def cancel_each(self, order_ids: list[str]) -> Canceled:
        return canceled(self.client.cancel_orders(order_ids))

    def cancel_all(self) -> Canceled:
        return canceled(self.client.cancel_all())

    def order(self, order_id: str) -> Order:
        return order(self.client.get_order(order_id))

    def heartbeat(self, beat: str) -> str:
        return self.client.post_heartbeat(beat)["heartbeat_id"]


def posted(answer: dict[str, Any]) -> Posted:
    """All eight members are there whether or not anything matched, with these spellings."""
    assert answer.keys() >= {
        "errorMsg", "orderID", "takingAmount", "makingAmount", "status", "transactionsHashes", "tradeIDs", "success",
    }, answer  # fmt: skip
    # Also of a refused order in a batch.
    assert answer["success"] is True
    gave, got = (dec(answer[name]) if answer[name] else Decimal(0) for name in ("makingAmount", "takingAmount"))
    trades, hashes = tuple(answer["tradeIDs"]), tuple(answer["transactionsHashes"])
    return Posted(answer["orderID"], answer["status"], gave, got, trades, hashes, answer["errorMsg"])


def canceled(answer: dict[str, Any]) -> Canceled:
    assert answer.keys() == {"canceled", "not_canceled"}
    return answer["canceled"], answer["not_canceled"]


def order(row: dict[str, Any]) -> Order:
    assert type(row["created_at"]) is int
    price, shares, matched = (dec(row[name]) for name in ("price", "original_size", "size_matched"))
    return Order(
        row["id"], row["status"], row["owner"], row["maker_address"], row["market"], row["asset_id"], row["outcome"],
        row["side"], price, shares, matched, row["order_type"],
    )  # fmt: skip


def trade(row: dict[str, Any]) -> Trade:
    """A row of REST or of the user's socket: they tell the same, but for a name or two."""
    assert row["match_time"].isdecimal()
    assert row["last_update"].isdecimal()
    assert type(row["bucket_index"]) is int
    makers = tuple(
        Resting(part["order_id"], part["asset_id"], part["side"], dec(part["price"]), dec(part["matched_amount"]))
        for part in row["maker_orders"]
    )
    return Trade(
        row["id"], row["taker_order_id"], row["market"], row["asset_id"], row["outcome"], row["side"],
        dec(row["price"]), dec(row["size"]), row["status"], row["transaction_hash"], row["trader_side"], makers,
    )  # fmt: skip


def balance(answer: dict[str, Any]) -> Balance:
    assert answer["balance"].isdecimal(), answer
    return Balance(int(answer["balance"]), {name: int(units) for name, units in answer["allowances"].items()})


# -- py-clob-client --


class Py1(_Plain):
    """The archived client, which signs the first generation of orders."""

    name = "py1"
    client: Client1

    def _connect(self) -> Client1:
        client = Client1(self.server.base_url, chain_id=POLYGON, key=self.private_key, **self._funds())
        client.set_api_creds(client.create_or_derive_api_creds())
        return client

    def sign(
        self,
        token: str,
        side: str,
        price: Number,
        shares: Number = 10,
        *,
        expiration: int = 0,
        neg_risk: bool | None = None,
    ) -> Any:
        args = types1.OrderArgs(token, float(price), float(shares), side, expiration=expiration)
        if neg_risk is None:
            return self.client.create_order(args)
        # Not through `create_order`, which takes a false flag for none and asks the market.
        options = types1.CreateOrderOptions(tick_size=self.client.get_tick_size(token), neg_risk=neg_risk)
        return self.client.builder.create_order(args, options)

    def order_id(self, signed: Any, *, neg_risk: bool = False) -> str:
        builder = Builder1(contracts1(POLYGON, neg_risk).exchange, POLYGON, self.client.signer)
        return "0x" + keccak(signed.order.signable_bytes(domain=builder.domain_separator)).hex()

    def post(self, signed: Any, kind: str = "GTC", *, post_only: bool = False) -> Posted:
        return posted(self.client.post_order(signed, kind, post_only))

    def post_for(self, signed: Any, owner: str) -> Any:
        body = json.dumps(order_to_json(signed, owner, "GTC"), separators=(",", ":"))
        asked = types1.RequestArgs("POST", "/order", serialized_body=body)
        headers = create_level_2_headers(self.client.signer, self.client.creds, asked)
        return http_post(f"{self.client.host}/order", headers=headers, data=body)

    def _entry(self, signed: Any, kind: str) -> Any:
        return types1.PostOrdersArgs(signed, kind)

    def take(
        self, token: str, side: str, amount: Number, kind: str = "FOK", *, price: Number | None = None
    ) -> Posted:
        args = types1.MarketOrderArgs(token, float(amount), side, price=float(price or 0), order_type=kind)
        return posted(self.client.post_order(self.client.create_market_order(args), kind))

    def cancel(self, order_id: str) -> Canceled:
        return canceled(self.client.cancel(order_id))

    def cancel_where(self, *, market: str = "", token: str = "") -> Canceled:
        return canceled(self.client.cancel_market_orders(market=market, asset_id=token))

    def open_orders(self, **where: str) -> list[Order]:
        return [order(row) for row in self.client.get_orders(types1.OpenOrderParams(**where))]

    def trades(self, **where: Any) -> list[Trade]:
        return [trade(row) for row in self.client.get_trades(types1.TradeParams(**where))]

    def balance(self, token: str | None = None) -> Balance:
        kind = types1.AssetType.CONDITIONAL if token else types1.AssetType.COLLATERAL
        return balance(self.client.get_balance_allowance(types1.BalanceAllowanceParams(kind, token)))


# -- py-clob-client-v2 --


class Py2(_Plain):
    """The client between the two, which signs either generation: the second, unless it is told otherwise."""

    name = "py2"
    version: ClassVar[int] = 2
    client: v2.ClobClient

    def _connect(self) -> v2.ClobClient:
        client = v2.ClobClient(self.server.base_url, POLYGON, key=self.private_key, **self._funds())
        client.set_api_creds(client.create_or_derive_api_key())
        return client

    def _options(self, neg_risk: bool | None = None) -> v2.PartialCreateOrderOptions:
        # What the server says decides between the first two unless the first is asked for.
        return v2.PartialCreateOrderOptions(neg_risk=neg_risk, version=None if self.version == 2 else self.version)

    def sign(
        self,
        token: str,
        side: str,
        price: Number,
        shares: Number = 10,
        *,
        expiration: int = 0,
        neg_risk: bool | None = None,
    ) -> Any:
        args = v2.OrderArgs(token, float(price), float(shares), side, expiration=expiration)
        return self.client.create_order(args, self._options(neg_risk))

    def order_id(self, signed: Any, *, neg_risk: bool = False) -> str:
        return digest_2(signed, neg_risk)

    def post(self, signed: Any, kind: str = "GTC", *, post_only: bool = False) -> Posted:
        return posted(self.client.post_order(signed, kind, post_only))

    def post_for(self, signed: Any, owner: str) -> Any:
        write = order_to_json_v2 if self.version == 2 else order_to_json_v1
        body = json.dumps(write(signed, owner, "GTC"), separators=(",", ":"))
        headers = self.client._l2_headers("POST", "/order", serialized_body=body)
        return self.client._post(f"{self.client.host}/order", headers=headers, data=body)

    def _entry(self, signed: Any, kind: str) -> Any:
        return v2.PostOrdersV2Args(signed, kind)

    def take(
        self, token: str, side: str, amount: Number, kind: str = "FOK", *, price: Number | None = None
    ) -> Posted:
        args = v2.MarketOrderArgs(token, float(amount), side, price=float(price or 0), order_type=kind)
        return posted(self.client.create_and_post_market_order(args, self._options(), order_type=kind))

    def cancel(self, order_id: str) -> Canceled:
        return canceled(self.client.cancel_order(v2.OrderPayload(orderID=order_id)))

    def cancel_where(self, *, market: str = "", token: str = "") -> Canceled:
        return canceled(self.client.cancel_market_orders(v2.OrderMarketCancelParams(market, token)))

    def open_orders(self, **where: str) -> list[Order]:
        return [order(row) for row in self.client.get_open_orders(v2.OpenOrderParams(**where))]

    def trades(self, **where: Any) -> list[Trade]:
        return [trade(row) for row in self.client.get_trades(v2.TradeParams(**where))]

    def balance(self, token: str | None = None) -> Balance:
        kind = v2.AssetType.CONDITIONAL if token else v2.AssetType.COLLATERAL
        return balance(self.client.get_balance_allowance(v2.BalanceAllowanceParams(kind, token)))


class Py2First(Py2):
    """The same client where it was told to sign the first generation."""

    name = "py2-first"
    version = 1

    def order_id(self, signed: Any, *, neg_risk: bool = False) -> str:
        contracts = contracts2(POLYGON)
        contract = contracts.neg_risk_exchange if neg_risk else contracts.exchange
        builder = ExchangeOrderBuilderV1(contract, POLYGON, self.client.signer)
        return builder.build_order_hash(builder.build_order_typed_data(signed))

    def _entry(self, signed: Any, kind: str) -> Any:
        return v2.PostOrdersV1Args(signed, kind)


def digest_2(signed: Any, neg_risk: bool) -> str:
    """The digest of a second-generation order."""
    contracts = contracts2(POLYGON)
    contract = contracts.neg_risk_exchange_v2 if neg_risk else contracts.exchange_v2
    # Nothing is signed here, so nobody need be able to.
    builder = ExchangeOrderBuilderV2(contract, POLYGON, signer=None)
    return builder.build_order_hash(builder.build_order_typed_data(signed))


# -- polymarket-client --


class Pyu(Bot):
    """The unified client: typed answers, which it checks more strictly than the others."""

    name = "pyu"
    client: SecureClient

    def _connect(self) -> SecureClient:
        return self._create(environment(self.server))

    def _create(self, where: Environment, credentials: ApiKeyCreds | None = None) -> SecureClient:
        owner = Account.from_key(self.private_key).address
        return SecureClient.create(
            private_key=self.private_key,
            wallet=wallet_of(owner, self.kind),
            environment=where,
            credentials=credentials,
        )

    @property
    def address(self) -> str:
        return str(self.client.signer)

    @property
    def creds(self) -> Creds:
        held = self.client.credentials
        return Creds(held.key, held.secret, held.passphrase)

    def sign(
        self,
        token: str,
        side: str,
        price: Number,
        shares: Number = 10,
        *,
        expiration: int = 0,
        neg_risk: bool | None = None,
    ) -> Any:
        with self._for_market(neg_risk) as client:
            signed = client.create_limit_order(token_id=token, price=Decimal(price), size=Decimal(shares), side=side)
        # Afterwards, because the client insists on three minutes; an expiration is not signed.
        return dataclasses.replace(signed, expiration=expiration)

    @contextmanager
    def _for_market(self, neg_risk: bool | None) -> Iterator[SecureClient]:
        """The client, or one that takes every market to be of one kind: this one has no flag to set."""
        if neg_risk is None:
            yield self.client
            return
        contract = PRODUCTION_CONFIG.neg_risk_exchange if neg_risk else PRODUCTION_CONFIG.standard_exchange
        mistaken = environment(self.server, standard_exchange=contract, neg_risk_exchange=contract)
        with self._create(mistaken, self.client.credentials) as client:
            yield client

    def order_id(self, signed: Any, *, neg_risk: bool = False) -> str:
        """By the other client of this generation, since this one computes none."""
        fields = dict(
            salt=signed.salt, maker=signed.maker, signer=signed.signer, tokenId=signed.token_id,
            makerAmount=signed.maker_amount, takerAmount=signed.taker_amount, timestamp=signed.timestamp,
            side=v2.Side[signed.side], signatureType=v2.SignatureTypeV2(signed.signature_type),
            metadata=signed.metadata, builder=signed.builder,
        )  # fmt: skip
        return digest_2(OrderV2(**fields), neg_risk)

    def post(self, signed: Any, kind: str = "GTC", *, post_only: bool = False) -> Posted:
        return self._posted(self.client.post_order(dataclasses.replace(signed, order_type=kind, post_only=post_only)))

    def post_for(self, signed: Any, owner: str) -> Any:
        path, body = build_post_order_request(signed, owner_api_key=owner)
        return self.client._ctx.secure_clob.post_json(path, json=body)

    def post_all(self, batch: Sequence[tuple[Any, str]]) -> list[Posted]:
        signed = [dataclasses.replace(one, order_type=kind) for one, kind in batch]
        return [self._posted(answer) for answer in self.client.post_orders(signed)]

    def take(
        self, token: str, side: str, amount: Number, kind: str = "FOK", *, price: Number | None = None
    ) -> Posted:
        worst = None if price is None else Decimal(price)
        terms = (
            {"amount": Decimal(amount), "max_price": worst}
            if side == BUY
            else {"shares": Decimal(amount), "min_price": worst}
        )
        return self._posted(self.client.place_market_order(token_id=token, side=side, order_type=kind, **terms))

    @staticmethod
    def _posted(answer: AcceptedOrder | RejectedOrder) -> Posted:
        if isinstance(answer, RejectedOrder):
            return Posted("", "", refusal=answer.message)
        return Posted(
            answer.order_id,
            answer.status,
            answer.making_amount,
            answer.taking_amount,
            answer.trade_ids,
            answer.transactions_hashes,
        )

    def cancel(self, order_id: str) -> Canceled:
        return self._canceled(self.client.cancel_order(order_id=order_id))

    def cancel_each(self, order_ids: list[str]) -> Canceled:
        return self._canceled(self.client.cancel_orders(order_ids=order_ids))

    def cancel_where(self, *, market: str = "", token: str = "") -> Canceled:
        return self._canceled(self.client.cancel_market_orders(market=market or None, token_id=token or None))

    def cancel_all(self) -> Canceled:
        return self._canceled(self.client.cancel_all())

    @staticmethod
    def _canceled(answer: Any) -> Canceled:
        return list(answer.canceled), dict(answer.not_canceled)

    def open_orders(self, **where: str) -> list[Order]:
        return [self._order(row) for row in self.client.list_open_orders(**where).iter_items()]

    def order(self, order_id: str) -> Order:
        return self._order(self.client.get_order(order_id=order_id))

    @staticmethod
    def _order(row: Any) -> Order:
        return Order(
            row.id, row.status, row.owner, row.maker_address, row.condition_id, row.asset_id, row.outcome,
            row.side, row.price, row.original_size, row.size_matched, row.order_type,
        )  # fmt: skip

    def trades(self, **where: Any) -> list[Trade]:
        # This one takes its moments as text.
        named = {name: str(value) for name, value in where.items()}
        return [self._trade(row) for row in self.client.list_account_trades(**named).iter_items()]

    @staticmethod
    def _trade(row: Any) -> Trade:
        makers = tuple(
            Resting(part.order_id, part.asset_id, part.side, part.price, part.matched_amount)
            for part in row.maker_orders
        )
        return Trade(
            row.id, row.taker_order_id, row.condition_id, row.asset_id, row.outcome, row.side, row.price, row.size,
            row.status, row.transaction_hash, row.trader_side, makers,
        )  # fmt: skip

    def balance(self, token: str | None = None) -> Balance:
        kind = "CONDITIONAL" if token else "COLLATERAL"
        answer = self.client.get_balance_allowance(asset_type=kind, token_id=token)
        return Balance(answer.balance, answer.allowances)

    def heartbeat(self, beat: str) -> str:
        return self.client.send_order_heartbeat(heartbeat_id=beat).heartbeat_id

    def close(self) -> None:
        self.client.close()


# `Py2First` is not among them: the first generation is py-clob-client's, and the two meet where a test says so.
CLIENTS: tuple[type[Bot], ...] = (Py1, Py2, Pyu)

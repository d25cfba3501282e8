"""Polymarket's Python clients behind one set of verbs, so that one test can be asked of each of them.

A verb calls a client as its users do and hands its answer on in the same few words. What a client would refuse to
send (a wrong flag, an expiry too near, somebody else's key) is put together from that client's own parts, never by
hand. The packages stay as they were installed: host and wallet key are all that differs from production.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from polymarket import RequestRejectedError
from polymarket._internal import wallet as derivation
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment
from polymarket.environments import Environment
from py_clob_client.exceptions import PolyApiException as Refused1
from py_clob_client_v2.exceptions import PolyApiException as Refused2

from harness import Server

BUY, SELL = "BUY", "SELL"
POLYGON = 137
BASE_UNITS = 1_000_000
ALLOWANCE_MAX = 2**256 - 1
MISSING_ORDER = "0x" + "11" * 32

# The wallets one key has, by the number that stands for them in an order.
EOA, PROXY, SAFE, DEPOSIT = range(4)

Number = Decimal | int | str

# The ids of what was canceled, and why the others were not.
Canceled = tuple[list[str], dict[str, str]]


# -- What the clients answer, in one form --


@dataclass(frozen=True)
class Creds:
    key: str
    secret: str
    passphrase: str


@dataclass(frozen=True)
class Posted:
    """The answer to an order: what it gave and got at once, in dollars and shares; a refused one, the reason."""

    id: str
    status: str = "live"
    gave: Decimal = Decimal(0)
    got: Decimal = Decimal(0)
    trades: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class Order:
    id: str
    status: str
    owner: str
    wallet: str
    market: str
    token: str
    outcome: str
    side: str
    price: Decimal
    shares: Decimal
    matched: Decimal
    kind: str


@dataclass(frozen=True)
class Resting:
    """A maker's part in a trade, in the maker's own token, side and price."""

    order: str
    token: str
    side: str
    price: Decimal
    shares: Decimal


@dataclass(frozen=True)
class Trade:
    """In the taker's token, side and price; `role` is that of whoever asked."""

    id: str
    taker_order: str
    market: str
    token: str
    outcome: str
    side: str
    price: Decimal
    shares: Decimal
    status: str
    hash: str
    role: str
    makers: tuple[Resting, ...]


@dataclass(frozen=True)
class Balance:
    """In base units, as the wire has it."""

    units: int
    allowances: dict[str, int]


def text(number: Number) -> str:
    """A decimal as the wire writes it: without an exponent and without zeros at its end."""
    return format(Decimal(number).normalize(), "f")


# -- Wallets --


def wallet_of(address: str, kind: int) -> str:
    """Where the chain would put the wallet of that kind which `address` owns."""
    derive = {
        EOA: lambda owner, _: owner,
        PROXY: derivation.derive_proxy_wallet_address,
        SAFE: derivation.derive_safe_wallet_address,
        DEPOSIT: derivation.derive_uups_deposit_wallet_address,
    }[kind]
    return derive(address, PRODUCTION_CONFIG.wallet_derivation)


def environment(server: Server, **changes: Any) -> Environment:
    """The unified client's production, at another host."""
    local = dataclasses.replace(
        PRODUCTION_CONFIG,
        clob_url=server.surfaces["clob"],
        clob_market_ws_url=f"{server.ws_url}/ws/market",
        clob_user_ws_url=f"{server.ws_url}/ws/user",
        gamma_url=server.surfaces["gamma"],
        data_url=server.surfaces["data"],
        relayer_url=server.surfaces["relayer"],
        rtds_ws_url=server.surfaces["rtds"],
        rpc_url=f"{server.base_url}/rpc",
    )
    return create_environment(name="local", config=dataclasses.replace(local, **changes))


# -- Refusals --

REFUSED = (Refused1, Refused2, RequestRejectedError)


def refusal(error: Exception) -> tuple[int, str]:
    """The status and the sentence of a refusal, whichever client raised it."""
    if isinstance(error, RequestRejectedError):
        return error.status, str(error)
    assert isinstance(error, REFUSED), error
    return error.status_code, error.error_msg["error"]


@contextmanager
def refuses(text: str, status: int = 400, *, more: bool = False) -> Iterator[None]:
    """The client raises, with the sentence bots look for; `more` if the server may go on after it."""
    with pytest.raises(REFUSED) as caught:
        yield
    told = refusal(caught.value)
    assert told[0] == status, told
    assert told[1].startswith(text) if more else told[1] == text, told


def unauthorized() -> Any:
    return refuses("Unauthorized/Invalid api key", 401)


# -- The verbs --


class Bot(ABC):
    """A wallet's key in the hands of one client."""

    name: ClassVar[str]

    def __init__(self, server: Server, private_key: str, kind: int = EOA) -> None:
        self.server, self.private_key, self.kind = server, private_key, kind
        self.client = self._connect()

    @abstractmethod
    def _connect(self) -> Any:
        """The client, with credentials."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The key's own, which owns whatever wallet trades."""

    @property
    def wallet(self) -> str:
        """Where the money is: the `maker` of its orders."""
        return wallet_of(self.address, self.kind)

    @property
    @abstractmethod
    def creds(self) -> Creds: ...

    @abstractmethod
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
        """A signed limit order. `neg_risk` as someone sets it who does not ask the market."""

    @abstractmethod
    def order_id(self, signed: Any, *, neg_risk: bool = False) -> str:
        """The id the server must give it: the digest that was signed, or for a deposit wallet would have been."""

    @abstractmethod
    def post(self, signed: Any, kind: str = "GTC", *, post_only: bool = False) -> Posted: ...

    @abstractmethod
    def post_for(self, signed: Any, owner: str) -> Any:
        """An order in the name of another API key than the one that asks."""

    @abstractmethod
    def post_all(self, batch: Sequence[tuple[Any, str]]) -> list[Posted]:
        """Several orders at once, each with its kind."""

    @abstractmethod
    def take(
        self, token: str, side: str, amount: Number, kind: str = "FOK", *, price: Number | None = None
    ) -> Posted:
        """A market order: a buy spends `amount` dollars, a sale sells `amount` shares, at worst for `price`."""

    @abstractmethod
    def cancel(self, order_id: str) -> Canceled: ...

    @abstractmethod
    def cancel_each(self, order_ids: list[str]) -> Canceled: ...

    @abstractmethod
    def cancel_where(self, *, market: str = "", token: str = "") -> Canceled: ...

    @abstractmethod
    def cancel_all(self) -> Canceled: ...

    @abstractmethod
    def open_orders(self, **where: str) -> list[Order]: ...

    @abstractmethod
    def order(self, order_id: str) -> Order: ...

    @abstractmethod
    def trades(self, **where: Any) -> list[Trade]: ...

    @abstractmethod
    def balance(self, token: str | None = None) -> Balance:
        """Of an outcome's token, or of dollars."""

    @abstractmethod
    def heartbeat(self, beat: str) -> str:
        """The id the next one must quote."""

    def rest(self, token: str, side: str, price: Number, shares: Number = 10) -> str:
        """The id of a limit order that waits in the book."""
        posted = self.post(self.sign(token, side, price, shares))
        assert posted == Posted(posted.id), posted
        return posted.id

    def hit(self, token: str, side: str, price: Number, shares: Number = 10) -> Posted:
        """A limit order that somebody's resting one fills at once and in full."""
        posted = self.post(self.sign(token, side, price, shares))
        bought, sold = (posted.got, posted.gave)
        assert (posted.status, bought if side == BUY else sold) == ("matched", Decimal(shares)), posted
        return posted

    def cash(self) -> Decimal:
        """Dollars, those that open orders hold included."""
        return Decimal(self.balance().units) / BASE_UNITS

    def shares(self, token: str) -> Decimal:
        return Decimal(self.balance(token).units) / BASE_UNITS

    def close(self) -> None:
        """The two older clients have nothing to close."""


# Makes a bot of a client's for a persona, or for a wallet that nobody has seen when none is named.
MakeBot = Callable[..., Bot]

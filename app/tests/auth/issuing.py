"""Others that issue tokens, for tests: keys of both kinds and a JWKS on a real address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import jwt
from aiohttp import web
from app.tests.services.fakes import FakeClock
from app.tests.web_server import web_server
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://login.example.com/tenant"
AUDIENCE = "api://meschain"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class IssuerKey:
    """A private key with its id and algorithm."""

    id: str
    algorithm: str
    private: PrivateKey

    @classmethod
    def rsa(cls, key_id: str, bits: int = 2048) -> IssuerKey:
        return cls(key_id, "RS256", rsa.generate_private_key(65537, bits))

    @classmethod
    def ec(cls, key_id: str) -> IssuerKey:
        return cls(key_id, "ES256", ec.generate_private_key(ec.SECP256R1()))

    def public(self) -> dict[str, object]:
        """The entry of a JWKS."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        else:
            entry = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        return {**entry, "kid": self.id, "use": "sig"}

    def sign(self, payload: dict[str, object], key_id: str | None = "") -> str:
        """A token; `key_id` None leaves it out."""
        named = self.id if key_id == "" else key_id
        return jwt.encode(payload, self.private, self.algorithm, headers={"kid": named} if named else None)


def payload(clock: FakeClock, **changes: object) -> dict[str, object]:
    """What a good token says, with changes; None takes a claim away."""
    now = int(clock.now().timestamp())
    content: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u-1",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "name": "Ada",
        "role": "marketplace_manager",
        "marketplaces": ["n11", "unknown"],
    }
    content |= changes
    return {name: value for name, value in content.items() if value is not None}


@dataclass
class KeyServer:
    """A JWKS that tests change, on a real socket."""

    keys: list[IssuerKey] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    requests: int = 0
    url: str = ""

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = self.body or json.dumps({"keys": [key.public() for key in self.keys]}).encode()
        return web.Response(body=body, status=self.status, content_type="application/json")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[KeyServer]:
        application = web.Application()
        application.router.add_get("/keys", self._answer)
        async with web_server(application) as url:
            self.url = f"{url}/keys"
            yield self

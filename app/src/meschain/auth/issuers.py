"""Who else may issue tokens for us: the shop itself, or its identity provider. Pure values and their checks."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from meschain.auth.keys import secret_weakness
from meschain.domain.roles import Role

Algorithm = Literal["HS256", "RS256", "ES256"]

OUR_ISSUER: Final = "meschain"
"""The claim `iss` of the tokens that we issue ourselves."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class TokenIssuer(BaseModel):
    """One issuer whose tokens are believed: a shared secret (HS256), or public keys at an address (RS256, ES256)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    issuer: str = Field(min_length=1)
    """Must equal the claim `iss`."""
    audience: str = Field(min_length=1)
    """Must be in the claim `aud`."""
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    """The only ones believed, whatever the token's header says."""
    name: str = Field(default="", pattern=r"^[a-z0-9-]{0,32}$")
    """Part of the user id, `external:<name>/<sub>`; may be empty (`external:<sub>`) while there is one issuer only."""
    secret: SecretStr | None = None
    """For HS256; at least 32 characters."""
    jwks_url: str | None = None
    """For RS256 and ES256: https, or http on this machine."""
    role_claim: str = "role"
    """Claim with the role, or a list of them; the one of the highest level counts. Dots walk into objects."""
    marketplaces_claim: str = "marketplaces"
    """Claim with the list of granted marketplaces."""
    name_claim: str = "name"
    """Claim with the name for people."""
    roles: dict[str, Role] = Field(default_factory=dict)
    """The issuer's words for roles -> ours. Without a table our own words count; any other is `user`."""
    leeway_seconds: float = Field(default=30.0, ge=0, le=300)
    """How far the issuer's clock may be off."""

    @field_validator("issuer")
    @classmethod
    def _not_us(cls, issuer: str) -> str:
        if issuer == OUR_ISSUER:
            raise ValueError("that is our own name; the tokens of others carry another issuer")
        return issuer

    @field_validator("roles")
    @classmethod
    def _no_service(cls, roles: dict[str, Role]) -> dict[str, Role]:
        if Role.SERVICE in roles.values():
            raise ValueError("the role service is issued by `meschain token --service` only")
        return roles

    @model_validator(mode="after")
    def _one_way_to_verify(self) -> TokenIssuer:
        if (self.secret is None) == (self.jwks_url is None):
            raise ValueError("give either secret or jwks_url")
        if self.secret is not None:
            if set(self.algorithms) != {"HS256"}:
                raise ValueError("a shared secret goes with algorithms = ['HS256'] only")
            weakness = secret_weakness(self.secret.get_secret_value())
            if weakness:
                raise ValueError(f"the secret {weakness}; use a random one of 32 characters or more")
        if self.jwks_url is not None:
            if "HS256" in self.algorithms:
                raise ValueError("public keys go with RS256 and ES256 only")
            parts = urlsplit(self.jwks_url)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
                raise ValueError("jwks_url must begin with https://")
            if not parts.hostname:
                raise ValueError("jwks_url names no host")
        return self

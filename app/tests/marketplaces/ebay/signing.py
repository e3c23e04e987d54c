"""Signs as eBay does, with a key of the tests' own; the committed vectors check that this is what openssl does too."""

from __future__ import annotations

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_ID = "9936261a-0000-4621-a0f1-96ccb428af49"


class Signer:
    """A key pair, and what eBay would do with it."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self._key = ec.generate_private_key(curve or ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """PEM without line breaks, as eBay's API gives it."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return pem.replace("\n", "")

    def header(self, body: bytes, *, digest: str = "SHA1", key_id: str = KEY_ID) -> str:
        algorithm = hashes.SHA1() if digest == "SHA1" else hashes.SHA256()  # noqa: S303 - the vendor's
        return header_of(self._key.sign(body, ec.ECDSA(algorithm)), digest=digest, key_id=key_id)


def header_of(signature: bytes, *, digest: str = "SHA1", key_id: str = KEY_ID) -> str:
    content = {"alg": "ecdsa", "kid": key_id, "signature": base64.b64encode(signature).decode(), "digest": digest}
    return base64.b64encode(json.dumps(content).encode()).decode()

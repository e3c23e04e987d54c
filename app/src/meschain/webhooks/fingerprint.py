"""What tells a message apart that nobody can read. Pure."""

from __future__ import annotations

import hashlib

from meschain.services.webhook_ports import WebhookRequest


def fingerprint(request: WebhookRequest) -> str:
    """The same for the same method, query and body. The path is left out: it may hold a secret."""
    query = "&".join(f"{name}={value}" for name, value in sorted(request.query.items()))
    return hashlib.sha256(f"{request.method}\n{query}\n".encode() + request.body).hexdigest()

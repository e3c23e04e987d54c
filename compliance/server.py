"""The server under judgement: a conformance server of our own as a process, or any other by its address."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from engine.tests.slowness import SLOWNESS as SLOWNESS

from hubwire.testing.server import LISTENING

STOP_SECONDS = 20 * SLOWNESS

_COMPLAINTS = ("never retrieved", "never awaited", "Exception in ASGI", "Exception in callback", "Task was destroyed")
"""What the log of a server must not say, whatever its clients did."""


@dataclass
class ConformanceServer:
    """`python -m hubwire.testing.server` on a free port of loopback."""

    log_path: Path
    arguments: tuple[str, ...] = ()
    url: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hubwire.testing.server", "--port", "0", *self.arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith(LISTENING):
            self.process.kill()
            raise RuntimeError(f"The conformance server did not start:\n{self.log()}")
        self.url = line.removeprefix(LISTENING).strip()

    def stop(self) -> None:
        """Stop it as an operator does, and see that it had nothing to complain of."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        log = self.log()
        found = [complaint for complaint in _COMPLAINTS if complaint in log]
        assert found == [], f"The server's log says {found}:\n{log[-8000:]}"

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")


def make_certificate(folder: Path) -> Path:
    """A certificate for loopback that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "conformance server")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "loopback.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path

"""Alerts by mail, over a real SMTP conversation."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from app.tests.certificates import own_certificate
from app.tests.notifications.smtp_server import SmtpServer, running_smtp
from app.tests.services.alert_specs import AlertChannelSpec, some_alert, some_message
from app.tests.services.fakes import START, FakeClock

from meschain.domain.alerts import RESOLVED
from meschain.notifications.mail import MailChannel
from meschain.services.alert_ports import ChannelUnavailable
from meschain.smtp_url import PLAIN, STARTTLS, TLS, MailServer

PASSWORD = "correct horse"
PAGE = "https://panel.example.com/admin.html"


def channel(server: SmtpServer, security: str = PLAIN, certificates: ssl.SSLContext | None = None) -> MailChannel:
    user = "shop" if server.password else ""
    return MailChannel(
        MailServer("localhost", server.port, security, user, PASSWORD),
        sender="shop@example.com",
        recipients=["ayse@example.com", "mehmet@example.com"],
        page=PAGE,
        clock=FakeClock(),
        certificates=certificates,
    )


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's, and that of a client who trusts it."""
    certificate, key = own_certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    return serving, ssl.create_default_context(cafile=certificate)


class Mailbox(SmtpServer):
    """The other side of the channel."""

    def refuse(self, is_refusing: bool) -> None:
        self.failures = 1_000 if is_refusing else 0

    def taken(self) -> int:
        return sum(received.message.get_content().count("raised ") for received in self.mails)


class TestMailChannel(AlertChannelSpec):
    @pytest.fixture
    async def receiver(self) -> AsyncIterator[Mailbox]:
        mailbox = Mailbox()
        async with running_smtp(mailbox):
            yield mailbox

    @pytest.fixture
    def channel(self, receiver: Mailbox) -> MailChannel:
        return channel(receiver)


async def test_one_alert_is_a_mail_to_everybody() -> None:
    alert = replace(some_alert(1, rule="error_rate"), message="Requests that failed: 7.5 %,\nthe limit is 5")
    async with running_smtp(SmtpServer()) as server:
        await channel(server).send([some_message(alert)])
        await channel(server).send([some_message(alert)])
    first, again = server.mails
    assert first.recipients == ["ayse@example.com", "mehmet@example.com"]
    mail = first.message
    assert mail["Subject"] == "[MesChain] warning: Requests that failed: 7.5 %, the limit is 5"
    assert (mail["From"], mail["Auto-Submitted"]) == ("shop@example.com", "auto-generated")
    assert mail["Message-ID"] == again.message["Message-ID"]
    assert mail["Date"].datetime == START
    text = mail.get_content()
    assert "raised 2025-03-10T09:30:00.000Z by the rule error_rate" in text
    assert PAGE in text


async def test_what_no_mail_can_hold_is_left_out() -> None:
    alert = replace(some_alert(1), message="Kur\r\nBcc: eve@example.com\x00\x1b[31m \u202e alınamadı")
    async with running_smtp(SmtpServer()) as server:
        await channel(server).send([some_message(alert)])
    (received,) = server.mails
    assert received.message["Subject"] == "[MesChain] warning: Kur Bcc: eve@example.com[31m alınamadı"
    assert received.message["Bcc"] is None
    assert received.recipients == ["ayse@example.com", "mehmet@example.com"]


async def test_many_alerts_share_a_mail() -> None:
    over = replace(some_alert(0), state=RESOLVED, resolved_at=START)
    async with running_smtp(SmtpServer()) as server:
        await channel(server).send([some_message(over), *(some_message(some_alert(n)) for n in range(1, 12))])
    (received,) = server.mails
    assert received.message["Subject"] == "[MesChain] over: Stok uyarısı 0 🚨 (and 11 more)"
    text = received.message.get_content()
    assert "over since 2025-03-10T09:30:00.000Z" in text
    assert all(f"Stok uyarısı {number} 🚨" in text for number in range(12))


@pytest.mark.parametrize("security", [STARTTLS, TLS])
async def test_a_password_goes_over_tls_alone(contexts: tuple[ssl.SSLContext, ssl.SSLContext], security: str) -> None:
    serving, trusting = contexts
    offered = serving if security == STARTTLS else None
    async with running_smtp(SmtpServer(starttls=offered, password=PASSWORD), None if offered else serving) as server:
        await channel(server, security, trusting).send([some_message(some_alert(1))])
        with pytest.raises(ChannelUnavailable, match="SSLCertVerificationError"):
            await channel(server, security).send([some_message(some_alert(1))])
    (received,) = server.mails
    assert (received.user, received.is_secure) == ("shop", True)


async def test_without_starttls_nothing_is_sent() -> None:
    async with running_smtp(SmtpServer(password=PASSWORD)) as server:
        with pytest.raises(ChannelUnavailable, match="SMTPNotSupportedError"):
            await channel(server, STARTTLS).send([some_message(some_alert(1))])
    assert server.mails == []


async def test_a_wrong_password_is_told_without_the_password(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    serving, trusting = contexts
    async with running_smtp(SmtpServer(password="another"), serving) as server:
        with pytest.raises(ChannelUnavailable, match="SMTPAuthenticationError 535") as refused:
            await channel(server, TLS, trusting).send([some_message(some_alert(1))])
    assert PASSWORD not in str(refused.value)


async def test_a_server_that_puts_off_or_is_away_gets_it_later() -> None:
    async with running_smtp(SmtpServer(failures=1)) as server:
        with pytest.raises(ChannelUnavailable, match="451"):
            await channel(server).send([some_message(some_alert(1))])
        await channel(server).send([some_message(some_alert(1))])
    assert len(server.mails) == 1
    with pytest.raises(ChannelUnavailable, match="ConnectionRefusedError"):
        await channel(server).send([some_message(some_alert(1))])


async def test_a_recipient_that_is_not_taken_does_not_keep_it_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_smtp(SmtpServer(refused={"mehmet@example.com"})) as server:
        await channel(server).send([some_message(some_alert(1))])
        server.refused.add("ayse@example.com")
        with pytest.raises(ChannelUnavailable, match="SMTPRecipientsRefused"):
            await channel(server).send([some_message(some_alert(1))])
    assert [received.recipients for received in server.mails] == [["ayse@example.com"]]
    assert "1 of 2 recipients" in caplog.text

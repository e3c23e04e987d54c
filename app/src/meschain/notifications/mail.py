"""Alerts by mail: what waits goes into one, so that many alerts are few mails. Hands it in by SMTP, in a thread.

Several mails are kept apart by whoever calls (`apart_seconds`).
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from meschain.domain.alerts import RESOLVED
from meschain.domain.payloads import AlertRow
from meschain.services.alert_ports import AlertMessage, ChannelUnavailable
from meschain.services.options import AlertOutboxOptions
from meschain.services.ports import Clock
from meschain.services.text import cleaned, clip
from meschain.smtp_url import STARTTLS, TLS, MailServer

NAME: Final = "mail"
TIMEOUT_SECONDS: Final = 15.0
"""Of each step of the conversation; a server that is slower is tried again later."""
_SUBJECT_CHARACTERS: Final = 150

_log = logging.getLogger(__name__)


class MailChannel:
    """`services.alert_ports.AlertChannel` by SMTP.

    Args:
        page: where a reader finds the book.
        certificates: how the server's certificate is checked; None: by the machine's own authorities.
    """

    name = NAME

    def __init__(
        self,
        server: MailServer,
        *,
        sender: str,
        recipients: Sequence[str],
        page: str,
        clock: Clock,
        certificates: ssl.SSLContext | None = None,
        options: AlertOutboxOptions | None = None,
    ) -> None:
        options = options or AlertOutboxOptions()
        self.most_together = options.alerts_per_mail
        self.apart_seconds = options.mails_apart_seconds
        self._server = server
        self._sender = sender
        self._recipients = tuple(recipients)
        self._page = page
        self._clock = clock
        self._certificates = certificates

    async def send(self, messages: Sequence[AlertMessage]) -> None:
        await asyncio.to_thread(self._hand_in, self._mail(messages))

    def _mail(self, messages: Sequence[AlertMessage]) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = _subject([each.content for each in messages])
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Date"] = format_datetime(self._clock.now())
        name = uuid5(NAMESPACE_OID, " ".join(each.id for each in messages)).hex
        mail["Message-ID"] = f"<{name}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        # Programs that answer mail leave this one alone (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n\n".join([*(_paragraph(each.content) for each in messages), self._page]))
        return mail

    def _hand_in(self, mail: EmailMessage) -> None:
        """Raises: ChannelUnavailable."""
        server = self._server
        try:
            with self._connected() as smtp:
                if server.security == STARTTLS:
                    smtp.starttls(context=self._context())
                if server.user:
                    smtp.login(server.user, server.password)
                refused = smtp.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            # An answer of the server may quote what it was sent.
            code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
            raise ChannelUnavailable(f"the mail server {server.host} failed: {type(error).__name__}{code}") from error
        if refused:
            _log.warning("the mail server does not take %d of %d recipients", len(refused), len(self._recipients))

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.security == TLS:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=self._context())
        return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)

    def _context(self) -> ssl.SSLContext:
        return self._certificates or ssl.create_default_context()


def _subject(alerts: Sequence[AlertRow]) -> str:
    first = alerts[0]
    words = " ".join(_headline(first).split())
    more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
    return f"[MesChain] {clip(words, _SUBJECT_CHARACTERS)}{more}"


def _paragraph(alert: AlertRow) -> str:
    raised_by = f"the rule {alert.rule}" if alert.rule else alert.raised_by
    lines = [_headline(alert), f"level {alert.level}, raised {alert.timestamp} by {raised_by}"]
    if alert.resolved_at is not None:
        lines.append(f"over since {alert.resolved_at}")
    return "\n".join(lines)


def _headline(alert: AlertRow) -> str:
    """Without control characters: what programs publish may hold some, and no mail can."""
    return f"{'over' if alert.state == RESOLVED else alert.level}: {cleaned(alert.message)}"

"""What services refuse, each with a text for the person who asked.

```text
Refused                  the base: adapters show its text as it is
├── CommandRefused       an admin command that is unknown, malformed or cannot be done
├── AlertRefused         an alert with an unknown level, no text or too much of it
├── NotificationRefused  a notification that is malformed, too long, or one too many for its user
├── SyncRefused          a sync that nobody can run
├── ReportRefused        a progress report without the right token (401)
├── ReportTooLate        a progress report for a job that is not running (409)
└── ReportInvalid        a progress report that makes no sense (400)
```
"""

from __future__ import annotations


class Refused(Exception):
    """Base: the caller asked for something that is not done; the text may be shown to it."""


class CommandRefused(Refused):
    """An admin command that is unknown, malformed or cannot be done."""


class AlertRefused(Refused):
    """An alert with an unknown level, without text, or too long."""


class NotificationRefused(Refused):
    """A notification that is malformed, too long, or one too many for its user."""


class SyncRefused(Refused):
    """A sync of an unknown marketplace, or of one that nothing can sync."""


class ReportRefused(Refused):
    """A progress report whose token is not that of the job; the same for a job that does not exist."""


class ReportTooLate(Refused):
    """A progress report for a job that is not waiting for one."""


class ReportInvalid(Refused):
    """A progress report whose fields make no sense."""

"""What services refuse, each with a text for the person who asked.

```text
Refused                  the base: adapters show its text as it is
├── CommandRefused       an admin command that is unknown, malformed or cannot be done
├── AlertRefused         an alert with an unknown level, no text or too much of it
├── AlertUnknown         an alert, or a rule, that there is not (404)
├── AlertStands          an alert that cannot be changed like that: it is over, or its rule decides (409)
├── NotificationRefused  a notification that is malformed, too long, or one too many for its user
├── SyncRefused          a sync that nobody can run
├── SyncJobUnknown       a sync job that does not exist, or that is not for the one who asks (404)
├── SyncJobEnded         a sync job that has ended and cannot be cancelled (409)
├── ScheduleRefused      a schedule that makes no sense, or of what nobody can sync (400)
├── EventRefused         an event that cannot be stored or told
├── ResumeRefused        a resume from something that is no position
├── ReportRefused        a progress report without the right token (401)
├── ReportTooLate        a progress report for a job that is not running (409)
├── ReportInvalid        a progress report that makes no sense (400)
└── ReportNotTaken       a progress report that cannot reach its job now (503)
```
"""

from __future__ import annotations


class Refused(Exception):
    """Base: the caller asked for something that is not done; the text may be shown to it."""


class CommandRefused(Refused):
    """An admin command that is unknown, malformed or cannot be done."""


class AlertRefused(Refused):
    """An alert with an unknown level, without text, or too long."""


class AlertUnknown(Refused):
    """An alert, or a rule, that there is not."""


class AlertStands(Refused):
    """An alert that cannot be changed like that: it is over, or its rule decides."""


class NotificationRefused(Refused):
    """A notification that is malformed, too long, or one too many for its user."""


class SyncRefused(Refused):
    """A sync of an unknown marketplace, or of one that nothing can sync."""


class SyncJobUnknown(Refused):
    """A sync job that does not exist; the same for one of a marketplace that the caller may not see."""


class SyncJobEnded(Refused):
    """A sync job that has ended, so that there is nothing to cancel."""


class ScheduleRefused(Refused):
    """A schedule whose minutes make no sense, or of a marketplace that nothing can sync."""


class EventRefused(Refused):
    """An event whose fields are too long, or that the hubs' protocols cannot write."""


class ResumeRefused(Refused):
    """A resume from something that is no position."""


class ReportRefused(Refused):
    """A progress report whose token is not that of the job; the same for a job that does not exist."""


class ReportTooLate(Refused):
    """A progress report for a job that is not waiting for one."""


class ReportInvalid(Refused):
    """A progress report whose fields make no sense."""


class ReportNotTaken(Refused):
    """A progress report that could not be passed on to the process that runs the job; it may be sent again."""

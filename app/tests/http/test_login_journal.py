"""Log-ins in the activity and in the audit."""

from __future__ import annotations

from app.tests.services.fakes import FakeClock, MemoryActivity, MemoryAuditEntries, MemoryPublisher

from meschain.auth.throttle import SlidingLimit
from meschain.domain.roles import Identity, Role
from meschain.http.login_journal import LoginActivity
from meschain.services.activity import ActivityService

ADA = Identity("own:1", "Ada", Role.ADMIN)


class Rig:
    def __init__(self, failures: int = 3) -> None:
        self.clock = FakeClock()
        self.activity = MemoryActivity()
        self.audit = MemoryAuditEntries(self.clock)
        service = ActivityService(self.activity, MemoryPublisher(), self.clock)
        self.journal = LoginActivity(service, self.audit, SlidingLimit(failures, 60, self.clock.monotonic))


async def test_who_comes_and_goes_is_shown_and_audited() -> None:
    rig = Rig()
    await rig.journal.logged_in(ADA, "192.0.2.1")
    await rig.journal.logged_out(ADA)
    assert [row.kind for row in rig.activity.rows] == ["login", "logout"]
    assert [(row.user_id, row.action, row.outcome) for row in rig.audit.rows] == [
        ("own:1", "LogIn", "ok"),
        ("own:1", "LogOut", "ok"),
    ]
    assert rig.audit.rows[0].details == {"name": "Ada", "role": "admin", "address": "192.0.2.1"}


async def test_guessing_does_not_push_out_what_is_worth_reading() -> None:
    rig = Rig(failures=3)
    for _ in range(50):
        await rig.journal.refused("ada", "192.0.2.1", "wrong")
    assert len(rig.audit.rows) == 3
    await rig.clock.advance(60)
    await rig.journal.refused("", "192.0.2.1", "wrong")
    last = rig.audit.rows[-1]
    assert (last.user_id, last.outcome) == ("", "refused: wrong")
    assert last.details == {"username": "", "address": "192.0.2.1", "leftOutBefore": 47}
    assert rig.activity.rows == []

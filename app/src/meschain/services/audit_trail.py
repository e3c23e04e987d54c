"""What people and programs did, page by page, for the administrators. Knows no table and no route."""

from __future__ import annotations

import json

from meschain.domain.payloads import AuditPage, AuditRow
from meschain.services.clock import iso_utc
from meschain.services.options import AuditOptions
from meschain.services.ports import AuditEntries, AuditEntry


class AuditTrail:
    """Reads the audit."""

    def __init__(self, store: AuditEntries, options: AuditOptions | None = None) -> None:
        self._store = store
        self._options = options or AuditOptions()

    async def page(
        self,
        *,
        before: int | None = None,
        user_id: str | None = None,
        action: str | None = None,
        limit: int | None = None,
    ) -> AuditPage:
        """The newest entries first; pages stay as they are while entries are added."""
        wanted = max(1, min(self._options.page if limit is None else limit, self._options.largest_page))
        # One more than is shown says whether there is another page.
        found = await self._store.entries(before=before, user_id=user_id, action=action, limit=wanted + 1)
        shown = found[:wanted]
        return AuditPage(
            entries=[_row(entry) for entry in shown], next=shown[-1].number if len(found) > wanted else None
        )


def _row(entry: AuditEntry) -> AuditRow:
    return AuditRow(
        id=entry.number,
        at=iso_utc(entry.at),
        user_id=entry.user_id,
        action=entry.action,
        details={
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in entry.details.items()
        },
        outcome=entry.outcome,
    )

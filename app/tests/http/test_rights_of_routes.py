"""Who may ask what over HTTP: every route that has a right, by every role."""

from __future__ import annotations

import pytest
from app.tests.conftest import Site

from meschain.domain.roles import Operation, may, parse_role

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = (
    ("GET", "/api/dashboard", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/marketplaces", Operation.JOIN_MARKETPLACE_GROUP),
    ("GET", "/api/alerts", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/alerts/none/acknowledge", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/alerts/none/resolve", Operation.JOIN_ADMIN_GROUP),
    ("PUT", "/api/alert-rules/none/silence", Operation.JOIN_ADMIN_GROUP),
    ("DELETE", "/api/alert-rules/none/silence", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/audit", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/presence", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/inbox", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/inbox/1", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/inbox/replay-dead", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/inbox/1/replay", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/inbox/1/drop", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/rollout", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/rollout/start", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/rollout/advance", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/rollout/hold", Operation.JOIN_ADMIN_GROUP),
    ("POST", "/api/rollout/rollback", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/legacy", Operation.JOIN_ADMIN_GROUP),
    ("GET", "/api/jobs", Operation.START_SYNC),
    ("POST", "/api/jobs", Operation.START_SYNC),
    ("POST", "/api/jobs/none/cancel", Operation.START_SYNC),
    ("PUT", "/api/schedules/n11", Operation.SCHEDULE_SYNC),
    ("GET", "/api/names", Operation.START_SYNC),
)
PEOPLE = ("superadmin", "admin", "manager", "dropshipper", "technical", "user", "viewer")


@pytest.mark.parametrize("username", PEOPLE)
async def test_a_route_answers_whose_role_may_ask_it(shared_site: Site, username: str) -> None:
    session = await shared_site.login(username)
    headers = {"Authorization": f"Bearer {session['accessToken']}"}
    role = parse_role(session["role"])
    for method, path, operation in ROUTES:
        # An empty list is no body of any of them, so that nothing is begun by those who may.
        async with shared_site.http.request(method, shared_site.url + path, headers=headers, json=[]) as answer:
            body = await answer.json(content_type=None)
            assert (answer.status == 403) is not may(role, operation), (method, path, body)
            if answer.status == 403:
                assert (set(body), answer.headers["cache-control"]) == ({"error"}, "no-store")


async def test_nobody_is_answered_without_a_token(shared_site: Site) -> None:
    for method, path, _ in ROUTES:
        async with shared_site.http.request(method, shared_site.url + path, json=[]) as answer:
            assert answer.status == 401, (method, path)

"""Shows log-ins to the shop's own administration among the administrators' recent activity."""

from __future__ import annotations

from meschain.opencart.logins import ShopLogins
from meschain.services.activity import ActivityService


async def show_shop_logins(logins: ShopLogins, activity: ActivityService) -> None:
    """Record each new one, for ever. Addresses stay in the shop: nobody needs them here."""
    async for batch in logins.new():
        for login in batch:
            await activity.record(
                "shop_login",
                login.user,
                f"{login.user} logged in to the shop.",
                {"username": login.username},
                about=f"shop login {login.login_id}",
            )

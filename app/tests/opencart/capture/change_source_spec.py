"""What every `services.ports.ChangeSource` promises, on a shop of OpenCart."""

from __future__ import annotations

import pytest
from app.tests.opencart.capture.follower import Follower
from app.tests.opencart.world import TODAY, World

from meschain.domain.events import ACTIVITY, INVENTORY, ORDER


class ChangeSourceSpec:
    @pytest.fixture
    def follower(self) -> Follower:
        """On a shop of its own, started."""
        raise NotImplementedError

    # --- orders -----------------------------------------------------------------------------------------------------

    async def test_the_first_confirming_row_announces_an_order(self, follower: Follower) -> None:
        world = follower.world
        order_id = await world.order(0, items=(2, 1))
        assert (await follower.catch_up()).events == []
        history_id = await world.history(order_id, 1, f"{TODAY} 10:20:00")
        found = await follower.catch_up()
        (event,) = [event for event in found.events if event.kind == ORDER]
        assert (event.event_id, event.key) == (f"opencart:order_history:{history_id}", f"order:{order_id}")
        assert event.payload["status"] == "created"
        assert event.payload["occurredAt"] == "2026-06-15T07:20:00.000Z"
        assert event.payload["itemCount"] == 3
        assert found.activities == [f"Order {order_id} from the shop."]

    async def test_a_change_of_status_is_told_and_a_comment_is_not(self, follower: Follower) -> None:
        world = follower.world
        order_id = await world.order(0)
        await world.history(order_id, 1)
        await world.history(order_id, 1)
        await world.history(order_id, 3)
        await world.history(order_id, 3)
        await world.history(order_id, 7)
        found = await follower.catch_up()
        assert found.orders == [(order_id, "created"), (order_id, "shipped"), (order_id, "cancelled")]
        assert len(found.activities) == 1

    async def test_an_order_known_from_before_has_its_changes_told(self, follower: Follower) -> None:
        world = follower.world
        order_id = await world.order(0)
        await world.history(order_id, 1)
        assert (await follower.catch_up()).orders == [(order_id, "created")]
        await follower.stop()
        await world.history(order_id, 1)
        await world.history(order_id, 5)
        follower = follower.again()
        assert (await follower.catch_up()).orders == [(order_id, "delivered")]
        await follower.stop()

    @pytest.mark.parametrize("status", [0, 16])
    async def test_a_checkout_that_is_not_finished_is_no_order_however_often_it_is_voided(
        self, follower: Follower, status: int
    ) -> None:
        world = follower.world
        order_id = await world.order(0)
        await world.history(order_id, status)
        await world.history(order_id, status)
        assert (await follower.catch_up()).events == []
        await world.history(order_id, 1)
        assert (await follower.catch_up()).orders == [(order_id, "created")]

    @pytest.mark.parametrize("status", [0, 16])
    async def test_an_edit_is_told_once(self, follower: Follower, status: int) -> None:
        world = follower.world
        order_id = await world.order(0)
        await world.history(order_id, 1)
        await follower.catch_up()
        await world.history(order_id, status, f"{TODAY} 11:00:00")
        new = await world.history(order_id, 1, f"{TODAY} 11:00:01")
        found = await follower.catch_up()
        assert [event.event_id for event in found.events] == [f"opencart:order_history:{new}"]
        assert found.orders == [(order_id, "created")]
        follower.clock.advance(10)
        assert (await follower.catch_up()).events == []

    @pytest.mark.parametrize("status", [0, 16])
    async def test_an_order_that_stays_voided_is_told_as_cancelled(self, follower: Follower, status: int) -> None:
        world = follower.world
        order_id = await world.order(0)
        await world.history(order_id, 1)
        void = await world.history(order_id, status, f"{TODAY} 11:00:00")
        found = (await follower.catch_up()).orders
        follower.clock.advance(4)
        last = await follower.catch_up()
        assert found + last.orders == [(order_id, "created"), (order_id, "cancelled")]
        assert f"opencart:order_history:{void}" in follower.log.known
        await world.history(order_id, 2, f"{TODAY} 12:00:00")
        assert (await follower.catch_up()).orders == [(order_id, "picking")]

    async def test_a_voided_order_is_told_once_even_if_we_stop_meanwhile(self, follower: Follower) -> None:
        world = follower.world
        order_id, other = await world.order(0), await world.order(0)
        await world.history(order_id, 1)
        found = (await follower.catch_up()).orders
        await world.history(order_id, 16)
        await world.history(other, 1)
        found += (await follower.catch_up()).orders
        for _ in range(2):
            await follower.stop()
            follower = follower.again()
            found += (await follower.catch_up()).orders
            follower.clock.advance(4)
            found += (await follower.catch_up()).orders
        await follower.stop()
        assert sorted(found) == sorted([(order_id, "created"), (other, "created"), (order_id, "cancelled")])

    async def test_several_orders_come_in_the_order_of_their_confirmations(self, follower: Follower) -> None:
        world = follower.world
        orders = [await world.order(0) for _ in range(4)]
        for order_id in reversed(orders):
            await world.history(order_id, 1)
        assert (await follower.catch_up()).orders == [(order_id, "created") for order_id in reversed(orders)]

    async def test_history_of_a_deleted_order_is_passed_over(self, follower: Follower) -> None:
        await follower.world.history(4711, 1)
        assert (await follower.catch_up()).events == []

    # --- stock ------------------------------------------------------------------------------------------------------

    async def test_a_quantity_that_changes_is_told(self, follower: Follower) -> None:
        world = follower.world
        product = await world.product(5, sku="A-1")
        assert (await follower.catch_up()).stock == [(product, 5)]
        await world.run("UPDATE {product} SET quantity = 3 WHERE product_id = ?", product)
        (event,) = (await follower.catch_up()).events
        assert (event.kind, event.key, event.marketplace) == (INVENTORY, f"product:{product}", "shop")
        assert event.event_id.startswith(f"opencart:stock:{product}:")
        assert (event.payload["sku"], event.payload["quantity"]) == ("A-1", 3)
        await world.run("UPDATE {product} SET price = '2' WHERE product_id = ?", product)
        assert (await follower.catch_up()).events == []

    async def test_what_is_not_counted_is_not_told(self, follower: Follower) -> None:
        world = follower.world
        product = await world.product(5, subtract=0)
        await world.run("UPDATE {product} SET quantity = 4 WHERE product_id = ?", product)
        assert (await follower.catch_up()).events == []
        await world.run("UPDATE {product} SET subtract = 1 WHERE product_id = ?", product)
        assert (await follower.catch_up()).stock == [(product, 4)]
        await world.run("UPDATE {product} SET subtract = 0 WHERE product_id = ?", product)
        await world.run("DELETE FROM {product} WHERE product_id = ?", product)
        assert (await follower.catch_up()).events == []

    async def test_options_have_a_stock_of_their_own(self, follower: Follower) -> None:
        world = follower.world
        product = await world.product(5)
        option = await world.insert(
            "INSERT INTO {product_option_value} (product_option_id, product_id, option_id, option_value_id, quantity,"
            " subtract) VALUES (1, ?, 1, 1, 7, 1)",
            product,
        )
        await follower.catch_up()
        await world.run("UPDATE {product_option_value} SET quantity = 6 WHERE product_option_value_id = ?", option)
        (event,) = (await follower.catch_up()).events
        assert (event.payload["optionValueId"], event.payload["quantity"]) == (option, 6)
        assert event.key == f"product:{product}"

    async def test_every_marketplace_that_lists_a_product_hears_of_it(self, follower: Follower) -> None:
        world = follower.world
        product = await world.product(5)
        for code, listed in (("trendyol", 5), ("n11", 4)):
            await world.listing(product, await world.marketplace(code), listed)
        await follower.catch_up()
        await world.run("UPDATE {product} SET quantity = 3 WHERE product_id = ?", product)
        follower.clock.advance(10)
        events = (await follower.catch_up()).events
        assert [(event.marketplace, event.payload["listedQuantity"]) for event in events] == [
            ("n11", 4),
            ("trendyol", 5),
        ]
        assert len({event.event_id for event in events}) == 2

    async def test_stock_sold_while_we_were_away_is_told_with_its_last_value(self, follower: Follower) -> None:
        world = follower.world
        product, other = await world.product(5), await world.product(9)
        await follower.catch_up()
        await follower.stop()
        for quantity in (4, 3):
            await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
        follower = follower.again()
        found = (await follower.catch_up()).stock
        assert found[-1] == (product, 3)
        assert other not in dict(found)
        await follower.stop()

    async def test_a_batch_that_was_not_stored_comes_again_with_the_same_ids(self, follower: Follower) -> None:
        world = follower.world
        product = await world.product(5)
        await follower.catch_up()
        await follower.stop()
        await world.run("UPDATE {product} SET quantity = 4 WHERE product_id = ?", product)
        order_id = await world.order(0)
        await world.history(order_id, 1)
        ids = []
        before = dict(follower.log.cursors.rows)
        for _ in range(2):
            following = follower.again()
            ids.append([event.event_id for event in (await following.catch_up()).events])
            await following.stop()
            follower.log.cursors.rows.clear()
            follower.log.cursors.rows.update(before)
            follower.log.known.clear()
        assert ids[0] == ids[1]
        assert len(ids[0]) == 3

    # --- log-ins ----------------------------------------------------------------------------------------------------

    async def test_log_ins_are_told_where_the_shop_keeps_them(self, follower: Follower) -> None:
        world = follower.world
        if not world.version.is_4:
            return
        user_id = await world.insert(
            "INSERT INTO {user} (user_group_id, username, password, firstname, lastname, email, image, ip, status,"
            " date_added) VALUES (1, 'selma', 'x', 'Selma', 'Aydın', '', '', '', 1, '2026-01-01 00:00:00')"
        )
        login_id = await self.log_in(world, user_id)
        (event,) = (await follower.catch_up()).events
        assert (event.kind, event.event_id) == (ACTIVITY, f"opencart:user_login:{login_id}")
        assert event.payload["text"] == "Selma Aydın logged in to the shop."
        assert "198.18.0.9" not in str(event.payload)
        await self.log_in(world, 4711)
        assert (await follower.catch_up()).events == []

    async def log_in(self, world: World, user_id: int) -> int:
        return await world.insert(
            "INSERT INTO {user_login} (user_id, ip, user_agent, date_added)"
            " VALUES (?, '198.18.0.9', 'x', '2026-06-15 15:00:00')",
            user_id,
        )

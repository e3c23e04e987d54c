// The list of orders on the dashboard and on the panel: newest first, each order once.

import { type Loose, text } from '@meschain/client';
import type { OrderNotification } from '@meschain/contracts';
import { emptyState, h } from '../dom.ts';
import { Feed } from '../feed.ts';
import { formatTime, marketplaceName, money } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { FreshRows } from './fresh_rows.ts';

type Order = Loose<OrderNotification>;

function keyOf(order: Order): string {
  // By the order itself: each change of its status is an event with an id of its own.
  return order.orderId ? `order:${order.orderId}` : `${text(order.marketplace)}:${text(order.orderNumber)}`;
}

export class OrderList {
  private readonly feed: Feed<Order>;
  private readonly fresh = new FreshRows(() => this.render());

  constructor(
    private readonly host: HTMLElement,
    limit: number,
  ) {
    this.feed = new Feed<Order>(limit, keyOf, (order) => text(order.occurredAt));
    onLanguageChange(() => this.render());
  }

  /** The latest ones of the server, newest first, with the status that they have by now. */
  load(orders: readonly Order[]): void {
    const isChanged = this.feed.add(...[...orders].reverse());
    // Written anew only then: somebody may be marking a number in it.
    if (isChanged || this.host.childElementCount === 0) this.render();
  }

  /** An order that came in just now. */
  receive(order: Order): void {
    if (this.feed.add(order)) this.fresh.add(keyOf(order));
  }

  private render(): void {
    const rows = this.feed.list().map((order) => this.row(order));
    this.host.replaceChildren(...(rows.length > 0 ? rows : [emptyState(t('orders.none'))]));
  }

  private row(order: Order): HTMLElement {
    const count = order.itemCount ?? 0;
    const items = count > 0 ? t(count === 1 ? 'orders.item' : 'orders.items', { count }) : '';
    const status = text(order.shopStatus) || text(order.status);
    return h(
      'li',
      { class: this.fresh.mark(keyOf(order)), 'data-order': text(order.orderNumber) },
      h(
        'div',
        { class: 'main' },
        h('strong', {}, `${marketplaceName(text(order.marketplace))} ${text(order.orderNumber)}`),
        h('small', {}, [text(order.customer), items].filter(Boolean).join(', ')),
      ),
      h(
        'div',
        { class: 'aside' },
        h('strong', {}, money(order.total, order)),
        h('small', {}, [status, formatTime(text(order.occurredAt))].filter(Boolean).join(', ')),
      ),
    );
  }
}

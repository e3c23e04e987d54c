// Changes of stock as they come: the newest first, one line for each product on each marketplace.

import { type Loose, text } from '@meschain/client';
import type { InventoryUpdate } from '@meschain/contracts';
import { emptyState, h } from '../dom.ts';
import { Feed } from '../feed.ts';
import { formatNumber, formatTime, marketplaceName, NO_FIGURE } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { known } from '../known.ts';

type Change = Loose<InventoryUpdate>;

function keyOf(change: Change): string {
  return `${text(change.marketplace)}:${change.productId ?? text(change.sku)}:${change.optionValueId ?? 0}`;
}

export class StockChanges {
  private readonly feed: Feed<Change>;
  private fresh = '';

  constructor(
    private readonly host: HTMLElement,
    limit: number,
  ) {
    this.feed = new Feed<Change>(limit, keyOf, (change) => text(change.occurredAt));
    onLanguageChange(() => this.render());
    this.render();
  }

  receive(change: Change): void {
    if (!this.feed.add(change)) return;
    this.fresh = keyOf(change);
    this.render();
    this.fresh = '';
  }

  private render(): void {
    const rows = this.feed.list().map((change) => this.row(change));
    this.host.replaceChildren(...(rows.length > 0 ? rows : [emptyState(t('stock.none'))]));
  }

  private row(change: Change): HTMLElement {
    const quantity = (value: number | undefined): string => (value === undefined ? NO_FIGURE : formatNumber(value));
    const reason = text(change.reason);
    return h(
      'li',
      { class: keyOf(change) === this.fresh ? 'fresh' : '', 'data-stock': keyOf(change) },
      h(
        'div',
        { class: 'main' },
        h('strong', {}, text(change.name) || text(change.sku)),
        h(
          'small',
          {},
          [marketplaceName(text(change.marketplace)), known(`stock.reason.${reason}`, reason)]
            .filter(Boolean)
            .join(', '),
        ),
      ),
      h(
        'div',
        { class: 'aside' },
        h('strong', {}, t('stock.quantity', { quantity: quantity(change.quantity) })),
        h(
          'small',
          {},
          [t('stock.listed', { quantity: quantity(change.listedQuantity) }), formatTime(text(change.occurredAt))]
            .filter(Boolean)
            .join(', '),
        ),
      ),
    );
  }
}

// Stock at risk: what runs out first, at the rate of the last sales.

import type { Analytics, ProductAtRisk } from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { formatNumber, NO_FIGURE, sourceText } from '../format.ts';
import { t } from '../i18n.ts';

export class StockAtRisk {
  private answer: Analytics | null = null;

  load(answer: Analytics): void {
    this.answer = answer;
    this.render();
  }

  /** Again, in the page's present language. */
  render(): void {
    if (this.answer === null) return;
    const { stock } = this.answer;
    for (const key of ['outOfStock', 'lowStock', 'atRisk'] as const) {
      const element = byId(`stock-${key}`);
      const value = stock[key];
      element.textContent = value === null ? NO_FIGURE : formatNumber(value);
      element.classList.toggle('no-figure', value === null);
      element.parentElement?.setAttribute('title', sourceText(this.answer, key));
    }
    const isKnown = stock.atRisk !== null;
    byId('stock-note').textContent = isKnown
      ? t('analytics.stockText', { risk: stock.riskDays, days: stock.saleDays })
      : t('noSource');
    byId('stock-sold').textContent = isKnown
      ? t('analytics.sold', { days: stock.saleDays })
      : t('analytics.soldColumn');
    const none = h(
      'tr',
      {},
      h('td', { colspan: '5', class: 'muted' }, t(isKnown ? 'analytics.stockNone' : 'noSource')),
    );
    byId('risk-rows').replaceChildren(...(stock.products.length > 0 ? stock.products.map(row) : [none]));
    const rest = (stock.atRisk ?? 0) - stock.products.length;
    byId('risk-rest').textContent = rest > 0 ? t('analytics.stockRest', { count: formatNumber(rest) }) : '';
  }
}

function row(product: ProductAtRisk): HTMLElement {
  const isOut = product.quantity <= 0;
  const days =
    product.daysLeft === 1 ? t('analytics.day') : t('analytics.days', { count: formatNumber(product.daysLeft, 1) });
  return h(
    'tr',
    { 'data-product': String(product.productId) },
    h('th', { scope: 'row' }, h('strong', {}, product.name), h('small', {}, product.sku)),
    h('td', { class: 'number' }, formatNumber(product.quantity)),
    h('td', { class: 'number optional' }, formatNumber(product.sold)),
    h('td', { class: 'number optional' }, formatNumber(product.perDay, 2)),
    h(
      'td',
      { class: 'number' },
      h('span', { class: `chip state ${isOut ? 'error' : 'warning'}` }, isOut ? t('figure.outOfStock') : days),
    ),
  );
}

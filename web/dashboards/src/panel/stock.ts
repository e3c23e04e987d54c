// The stock table of the panel: what the shop has against what each marketplace shows.

import { type Loose, number, text } from '@meschain/client';
import type { InventoryUpdate, MarketplaceSnapshot } from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { formatNumber, marketplaceName } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { FreshRows } from '../shared/fresh_rows.ts';
import { inOrder, isInStep, type StockLine } from './stock_lines.ts';

const ROWS = 100;

export class StockTable {
  private readonly lines = new Map<string, StockLine>();
  private readonly marketplace = byId('stock-marketplace') as HTMLSelectElement;
  private readonly state = byId('stock-state') as HTMLSelectElement;
  private codes: string[] = [];
  private readonly fresh = new FreshRows(() => this.render());

  constructor() {
    this.marketplace.addEventListener('change', () => this.render());
    this.state.addEventListener('change', () => this.render());
    onLanguageChange(() => {
      this.fillFilter();
      this.render();
    });
  }

  load(marketplaces: readonly MarketplaceSnapshot[]): void {
    this.lines.clear();
    for (const { code, stock } of marketplaces) {
      for (const row of stock) this.lines.set(`${code}:${row.productId}`, { marketplace: code, ...row });
    }
    this.codes = marketplaces.map((marketplace) => marketplace.code);
    this.fillFilter();
    this.render();
  }

  receive(update: Loose<InventoryUpdate>): void {
    const marketplace = text(update.marketplace);
    const productId = number(update.productId);
    if (productId === null || !this.codes.includes(marketplace)) return;
    const key = `${marketplace}:${productId}`;
    const known = this.lines.get(key);
    const quantity = number(update.quantity) ?? known?.quantity;
    const listedQuantity = number(update.listedQuantity) ?? known?.listedQuantity;
    if (quantity === undefined || listedQuantity === undefined) return;
    const name = text(update.name) || (known?.name ?? '');
    const sku = text(update.sku) || (known?.sku ?? '');
    this.lines.set(key, { marketplace, productId, sku, name, quantity, listedQuantity });
    this.fresh.add(key);
  }

  private fillFilter(): void {
    const chosen = this.marketplace.value;
    this.marketplace.replaceChildren(
      h('option', { value: '' }, t('panel.all')),
      ...this.codes.map((code) => h('option', { value: code }, marketplaceName(code))),
    );
    this.marketplace.value = this.codes.includes(chosen) ? chosen : '';
  }

  private render(): void {
    const wanted = [...this.lines.values()].filter(
      (line) =>
        (this.marketplace.value === '' || line.marketplace === this.marketplace.value) &&
        (this.state.value !== 'out' || !isInStep(line)) &&
        (this.state.value !== 'empty' || line.quantity <= 0),
    );
    const rows = inOrder(wanted)
      .slice(0, ROWS)
      .map((line) => this.row(line));
    const none = h('tr', {}, h('td', { colspan: '5', class: 'muted' }, t('panel.stockNone')));
    byId('stock-rows').replaceChildren(...(rows.length > 0 ? rows : [none]));
  }

  private row(line: StockLine): HTMLElement {
    const key = `${line.marketplace}:${line.productId}`;
    const name = marketplaceName(line.marketplace);
    const inStep = isInStep(line);
    return h(
      'tr',
      { class: this.fresh.mark(key), 'data-stock': key },
      h(
        'td',
        {},
        h('strong', {}, line.name),
        h('small', {}, line.sku, h('span', { class: 'narrow-only' }, `, ${name}`)),
      ),
      h('td', { class: 'market-cell' }, name),
      h('td', { class: 'number' }, formatNumber(line.quantity)),
      h('td', { class: 'number' }, formatNumber(line.listedQuantity)),
      h(
        'td',
        { class: 'number' },
        h(
          'span',
          { class: `chip state ${inStep ? 'good' : 'warning'}` },
          t(inStep ? 'panel.inStep' : 'panel.outOfStep'),
        ),
      ),
    );
  }
}

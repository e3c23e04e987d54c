// One card per marketplace of the panel: figures of today, sync state, progress and button.

import { gemini, type Loose, type MesChainSignalRClient, text } from '@meschain/client';
import type { MarketplaceSnapshot, SyncUpdate } from '@meschain/contracts';
import { byId, emptyState, h } from '../dom.ts';
import { figure, money, NO_FIGURE, sourceText } from '../format.ts';
import { onLanguageChange, t, translate } from '../i18n.ts';
import { SyncControl } from '../shared/sync.ts';
import type { TextKey } from '../texts.ts';

const FIGURES: { key: keyof MarketplaceSnapshot; text: TextKey }[] = [
  { key: 'ordersToday', text: 'panel.ordersToday' },
  { key: 'revenueToday', text: 'panel.revenueToday' },
  { key: 'listings', text: 'panel.listings' },
  { key: 'listingsOutOfStep', text: 'panel.outOfStep' },
];

export class MarketplaceCards {
  private readonly controls = new Map<string, SyncControl>();
  private marketplaces: readonly MarketplaceSnapshot[] = [];

  constructor(private readonly client: () => MesChainSignalRClient) {
    onLanguageChange(() => this.write());
  }

  load(marketplaces: readonly MarketplaceSnapshot[]): void {
    this.marketplaces = marketplaces;
    const codes = marketplaces.map((marketplace) => marketplace.code);
    if (codes.join() !== [...this.controls.keys()].join()) this.build();
    for (const marketplace of marketplaces) {
      const running = ['queued', 'running'].includes(marketplace.sync.status);
      this.controls.get(marketplace.code)?.set(marketplace.progress, running, marketplace.jobId);
    }
    this.write();
  }

  receive(update: Loose<SyncUpdate>): void {
    this.controls.get(text(update.marketplace))?.receive(update);
  }

  private build(): void {
    this.controls.clear();
    const cards = this.marketplaces.map((marketplace) => this.card(marketplace));
    const host = byId('marketplace-panels');
    host.replaceChildren(...(cards.length > 0 ? cards : [emptyState(t('panel.none'), 'store')]));
    translate(host);
  }

  private card({ code, name, maySync }: MarketplaceSnapshot): HTMLElement {
    const control = new SyncControl(code, this.client);
    this.controls.set(code, control);
    return h(
      'li',
      { class: 'card', 'data-marketplace': code },
      h(
        'div',
        { class: 'card-head' },
        h(
          'div',
          { class: 'market-name' },
          h('span', { class: 'monogram', 'aria-hidden': 'true' }, name.slice(0, 2)),
          h('h3', {}, name),
        ),
        h('span', { class: 'sync-status unknown', id: `${code}-sync-status` }, '—'),
      ),
      h(
        'dl',
        { class: 'panel-figures' },
        ...FIGURES.map((entry) =>
          h('div', {}, h('dt', { 'data-t': entry.text }), h('dd', { id: `${code}-${entry.key}` }, NO_FIGURE)),
        ),
      ),
      control.progress,
      h(
        'div',
        { class: 'panel-foot' },
        h(
          'small',
          {},
          h('span', { 'data-t': 'sync.last' }),
          h('br'),
          h('span', { id: `${code}-last-sync` }, NO_FIGURE),
        ),
        maySync ? control.button : h('span', { class: 'chip', 'data-t': 'sync.readOnly' }),
      ),
    );
  }

  private write(): void {
    for (const marketplace of this.marketplaces) {
      gemini.writeMarketplace(marketplace.code, { ...marketplace.sync });
      for (const { key } of FIGURES) {
        const element = byId(`${marketplace.code}-${key}`);
        const format = key === 'revenueToday' ? (value: number) => money(value, marketplace) : undefined;
        element.textContent = figure(marketplace, key, format);
        element.classList.toggle('no-figure', element.textContent === NO_FIGURE);
        element.setAttribute('title', sourceText(marketplace, key));
      }
    }
  }
}

// The seven marketplaces of the dashboard. The client writes status, last sync and progress into the ids; this adds the
// listings, which only the panel's data has, and the buttons.

import { type Loose, type MesChainSignalRClient, text } from '@meschain/client';
import { MARKETPLACES, type PanelSnapshot, type SyncUpdate } from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { figure } from '../format.ts';
import { onLanguageChange, t, translate } from '../i18n.ts';
import { loadJson } from '../session.ts';
import { SyncControl } from '../shared/sync.ts';

export class Markets {
  private readonly controls = new Map<string, SyncControl>();
  private snapshot: PanelSnapshot | null = null;

  /** Args: `loaded` is told the panel's data each time. */
  constructor(
    client: () => MesChainSignalRClient,
    private readonly loaded: (snapshot: PanelSnapshot) => void,
  ) {
    const rows = Object.entries(MARKETPLACES).map(([code, name]) => {
      const control = new SyncControl(code, client);
      this.controls.set(code, control);
      return h(
        'li',
        { 'data-marketplace': code },
        h(
          'div',
          { class: 'market-name' },
          h('span', { class: 'monogram', 'aria-hidden': 'true' }, name.slice(0, 2)),
          h(
            'div',
            { class: 'main' },
            h('strong', {}, name),
            h('small', {}, h('span', { 'data-t': 'sync.last' }), ' ', h('span', { id: `${code}-last-sync` }, '—')),
          ),
        ),
        h('span', { class: 'sync-status unknown', id: `${code}-sync-status` }, '—'),
        count(`${code}-product-count`, 'sync.products'),
        count(`${code}-error-count`, 'sync.errors'),
        control.progress,
        control.button,
      );
    });
    byId('marketplace-list').replaceChildren(...rows);
    translate(byId('marketplace-list'));
    onLanguageChange(() => this.writeCounts());
  }

  receive(update: Loose<SyncUpdate>): void {
    this.controls.get(text(update.marketplace))?.receive(update);
    if (update.completed === true) void this.load();
  }

  /** The panel's data: listings, running progress, and whether a sync can be started at all. */
  async load(): Promise<void> {
    try {
      this.snapshot = await loadJson<PanelSnapshot>('/marketplaces');
    } catch (error) {
      // The counts stay as they were; the connection's notice says what is wrong.
      console.warn('The marketplaces could not be loaded.', error);
      return;
    }
    for (const marketplace of this.snapshot.marketplaces) {
      const control = this.controls.get(marketplace.code);
      if (!control) continue;
      control.set(marketplace.progress, ['queued', 'running'].includes(marketplace.sync.status), marketplace.jobId);
      control.button.hidden = !marketplace.maySync;
    }
    this.writeCounts();
    this.loaded(this.snapshot);
  }

  private writeCounts(): void {
    for (const marketplace of this.snapshot?.marketplaces ?? []) {
      byId(`${marketplace.code}-product-count`).textContent = figure(marketplace, 'listings');
    }
  }
}

function count(id: string, label: 'sync.products' | 'sync.errors'): HTMLElement {
  return h('div', { class: 'market-figure' }, h('small', { 'data-t': label }, t(label)), h('b', { id }, '—'));
}

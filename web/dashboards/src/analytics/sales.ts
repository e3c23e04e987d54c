// Sales by month and marketplace: chart, shares, conversion, and the table of all of it.

import type { Analytics, AnalyticsMonth } from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { formatMoney, formatNumber, formatPercent, marketplaceName, NO_FIGURE, sourceText } from '../format.ts';
import { t } from '../i18n.ts';
import { Bars, type Layer } from './bars.ts';
import { monthName, tickMoney } from './scale.ts';

const ALL = 'all';

export class SalesView {
  private answer: Analytics | null = null;
  private readonly revenue = new Bars(byId('revenue-chart'), {
    tick: (value) => tickMoney(value, this.answer?.currency ?? ''),
    describe: (index) => this.describe(index, (month) => this.money(month.revenue)),
  });
  private readonly conversion = new Bars(byId('conversion-chart'), {
    tick: (value) => formatPercent(value, 0),
    describe: (index) => this.describe(index, conversionText),
  });

  load(answer: Analytics): void {
    this.answer = answer;
    this.render();
  }

  /** Again, in the page's present language. */
  render(): void {
    const { answer } = this;
    if (answer === null) return;
    const names = answer.months.map((month) => month.month);
    const has = (key: string): boolean => (answer.sources[key] ?? 'none') !== 'none' && names.length > 0;
    this.hide('revenue', !has('revenue'));
    this.hide('conversion', !has('conversion'));
    this.hide('shares', !has('marketplaces'));

    const layers: Layer[] = has('marketplaces')
      ? answer.marketplaces.map(({ code, revenue }) => ({ code, values: revenue }))
      : [{ code: ALL, values: answer.months.map((month) => month.revenue) }];
    this.revenue.load(
      names,
      layers,
      this.sentence('analytics.revenueByMonth', (month) => this.money(month.revenue)),
    );
    this.conversion.load(
      names,
      [{ code: ALL, values: answer.months.map((month) => month.conversion) }],
      this.sentence('analytics.conversion', conversionText),
    );
    byId('revenue-card').setAttribute('title', sourceText(answer, 'revenue'));
    byId('conversion-card').setAttribute('title', sourceText(answer, 'conversion'));
    byId('shares-card').setAttribute('title', sourceText(answer, 'marketplaces'));
    this.renderShares(answer);
    this.renderTable(answer);
  }

  private hide(part: string, isMissing: boolean): void {
    byId(`${part}-missing`).hidden = !isMissing;
    byId(part === 'shares' ? 'share-rows' : `${part}-chart`).hidden = isMissing;
  }

  private money(value: number | null): string {
    if (value === null || this.answer === null) return NO_FIGURE;
    return formatMoney(value, this.answer.currency, this.answer.currencyDecimals);
  }

  private describe(index: number, text: (month: AnalyticsMonth) => string): string {
    const month = this.answer?.months[index];
    return month === undefined ? '' : `${this.name(month.month)}: ${text(month)}`;
  }

  /** The month in words; that the last one is not over. */
  private name(month: string): string {
    const name = monthName(month, 'long');
    return month === this.answer?.months.at(-1)?.month ? t('analytics.soFar', { month: name }) : name;
  }

  private sentence(
    title: 'analytics.revenueByMonth' | 'analytics.conversion',
    text: (month: AnalyticsMonth) => string,
  ): string {
    const months = this.answer?.months ?? [];
    return `${t(title)}: ${months.map((month) => `${this.name(month.month)} ${text(month)}`).join(', ')}`;
  }

  private renderShares(answer: Analytics): void {
    const rows = [...answer.marketplaces].sort((left, right) => right.totalRevenue - left.totalRevenue);
    byId('share-rows').replaceChildren(
      ...rows.map((row) => {
        const fill = h('div', { class: 'fill', 'data-series': row.code });
        fill.style.width = `${Math.max(0, Math.min(100, row.share ?? 0))}%`;
        return h(
          'li',
          { 'data-share': row.code },
          h(
            'span',
            { class: 'share-name' },
            h('i', { class: 'swatch', 'data-series': row.code }),
            marketplaceName(row.code),
          ),
          h('b', {}, row.share === null ? NO_FIGURE : formatPercent(row.share, 1)),
          h('div', { class: 'track' }, fill),
          h(
            'small',
            {},
            t(row.totalOrders === 1 ? 'analytics.order' : 'analytics.orders', { count: formatNumber(row.totalOrders) }),
          ),
          h('small', { class: 'number' }, this.money(row.totalRevenue)),
        );
      }),
    );
  }

  private renderTable(answer: Analytics): void {
    const column = (text: string): HTMLElement => h('th', { scope: 'col', class: 'number' }, text);
    byId('month-head').replaceChildren(
      h('th', { scope: 'col' }, t('analytics.month')),
      column(t('analytics.ordersColumn')),
      column(t('analytics.revenueColumn')),
      ...answer.marketplaces.map(({ code }) => column(marketplaceName(code))),
      column(t('analytics.checkouts')),
      column(t('analytics.conversion')),
    );
    const cell = (text: string): HTMLElement =>
      h('td', { class: text === NO_FIGURE ? 'number no-figure' : 'number' }, text);
    // Whole pieces of the currency: beside each other so many decimals hide the amounts.
    const rough = (value: number | null): HTMLElement => {
      const element = cell(value === null ? NO_FIGURE : formatMoney(value, answer.currency, 0));
      element.setAttribute('title', this.money(value));
      return element;
    };
    const count = (value: number | null): string => (value === null ? NO_FIGURE : formatNumber(value));
    const rows = answer.months.map((month, index) =>
      h(
        'tr',
        { 'data-month': month.month },
        h('th', { scope: 'row' }, this.name(month.month)),
        cell(count(month.orders)),
        cell(this.money(month.revenue)),
        ...answer.marketplaces.map(({ revenue }) => rough(revenue[index] ?? null)),
        cell(count(month.checkouts)),
        cell(conversionText(month)),
      ),
    );
    const none = h(
      'tr',
      {},
      h('td', { colspan: String(5 + answer.marketplaces.length), class: 'muted' }, t('noSource')),
    );
    byId('month-rows').replaceChildren(...(rows.length > 0 ? rows.reverse() : [none]));
  }
}

function conversionText(month: AnalyticsMonth): string {
  return month.conversion === null ? NO_FIGURE : formatPercent(month.conversion, 1);
}

// Turns hub events into entries of the event log.

import type { Loose } from '@meschain/client';
import { type HubEvents, type HubTarget, isNewAlert, text } from '@meschain/client';
import { figure, formatNumber, marketplaceName, money, statusWord } from '../format.ts';
import { t } from '../i18n.ts';
import { activityText } from './activity.ts';
import { fateOf, levelOf } from './alerts.ts';
import type { LogEntry } from './log.ts';

type Builders = { [Target in HubTarget]?: (payload: Loose<HubEvents[Target]>) => LogEntry };

function entry(time: unknown, level: string, words: () => string): LogEntry {
  return { time: text(time) || new Date().toISOString(), level, text: words };
}

export const LOG_ENTRIES: Builders = {
  updateAdminDashboard: (data) =>
    entry(data.timestamp, 'info', () =>
      t('log.figures', {
        response: figure(data.performanceMetrics, 'responseTime', (value) => formatNumber(value, 1)),
        throughput: figure(data.performanceMetrics, 'throughput', (value) => formatNumber(value, 1)),
      }),
    ),
  systemAlert: (alert) =>
    entry(isNewAlert(alert) ? alert.timestamp : undefined, isNewAlert(alert) ? levelOf(alert.level) : 'info', () =>
      [`${text(alert.source)}: ${text(alert.message)}`, fateOf(alert)].filter(Boolean).join(', '),
    ),
  userActivityUpdate: (activity) => entry(activity.occurredAt, 'info', () => activityText(activity)),
  orderNotification: (order) =>
    entry(order.receivedAt, 'info', () =>
      t('log.order', {
        number: text(order.orderNumber),
        marketplace: marketplaceName(text(order.marketplace)),
        total: money(order.total, order),
      }),
    ),
  inventoryUpdate: (update) =>
    entry(update.occurredAt, 'info', () =>
      t('log.stock', {
        name: text(update.name) || text(update.sku),
        quantity: update.quantity ?? '—',
        listed: update.listedQuantity ?? '—',
        marketplace: marketplaceName(text(update.marketplace)),
      }),
    ),
  marketplaceSyncUpdate: (update) =>
    entry(update.occurredAt, text(update.status) === 'error' ? 'error' : 'info', () => {
      const words = t('log.sync', {
        marketplace: marketplaceName(text(update.marketplace)),
        status: statusWord(text(update.status)),
        progress: Math.round(update.progress ?? 0),
      });
      return text(update.message) === '' ? words : `${words}. ${text(update.message)}`;
    }),
};

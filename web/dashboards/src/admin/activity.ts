// What people and programs did lately. The server's sentence is English; other languages are built from kind and details.

import { type Loose, record, text } from '@meschain/client';
import type { UserActivity } from '@meschain/contracts';
import { byId, emptyState, h, type IconName, icon } from '../dom.ts';
import { Feed } from '../feed.ts';
import { formatTime, marketplaceName, statusWord } from '../format.ts';
import { currentLanguage, onLanguageChange, t } from '../i18n.ts';
import { levelOf, levelWord } from './alerts.ts';

type Activity = Loose<UserActivity>;

const ROWS = 10;
const ICONS: Record<string, IconName> = {
  login: 'check',
  logout: 'logout',
  command: 'dashboard',
  sync: 'sync',
  order: 'inbox',
  alert: 'alert',
  shop_login: 'store',
  connected: 'people',
  disconnected: 'people',
};

const TURKISH: Record<string, (user: string, details: Record<string, unknown>) => string> = {
  login: (user) => `${user} oturum açtı.`,
  logout: (user) => `${user} çıkış yaptı.`,
  command: (user, details) => {
    const command = text(details.command);
    return command === '' ? `${user} bir komut verdi.` : `${user} bir komut verdi: ${command}`;
  },
  connected: (user) => `${user} bağlandı.`,
  disconnected: (user) => `${user} ayrıldı.`,
  shop_login: (user) => `${user} mağaza yönetimine giriş yaptı.`,
  order: (_, details) => `${marketplaceName(text(details.marketplace))} siparişi: ${text(details.orderNumber)}`,
  alert: (user, details) => `${user} bir uyarı gönderdi (${levelWord(levelOf(details.level))}).`,
  sync: (user, details) => {
    const marketplace = marketplaceName(text(details.marketplace));
    return text(details.status) === 'queued'
      ? `${user}, ${marketplace} eşitlemesini başlattı.`
      : `${marketplace} eşitlemesi: ${statusWord(text(details.status))}`;
  },
};

/** One sentence in the page's language; the server's own where there is none. */
export function activityText(activity: Activity): string {
  const build = currentLanguage() === 'tr' ? TURKISH[text(activity.kind)] : undefined;
  return build ? build(text(activity.user), record(activity.details)) : text(activity.text);
}

export class ActivityList {
  private readonly feed = new Feed<Activity>(
    ROWS,
    (activity) => text(activity.eventId),
    (activity) => text(activity.occurredAt),
  );

  constructor() {
    onLanguageChange(() => this.render());
    this.render();
  }

  load(activities: readonly Activity[]): void {
    if (this.feed.add(...[...activities].reverse())) this.render();
  }

  private render(): void {
    const rows = this.feed.list().map((activity) => {
      const time = text(activity.occurredAt);
      return h(
        'li',
        {},
        icon(ICONS[text(activity.kind)] ?? 'info'),
        h('div', { class: 'main' }, h('span', {}, activityText(activity))),
        h('time', { datetime: time }, formatTime(time, 'time')),
      );
    });
    byId('recent-activity').replaceChildren(...(rows.length > 0 ? rows : [emptyState(t('activity.none'))]));
  }
}

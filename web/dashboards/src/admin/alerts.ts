// The ten latest alerts, the form that raises one, and the sound of critical ones.

import { isNewAlert, type Loose, type MesChainSignalRClient, text } from '@meschain/client';
import type { SystemAlert } from '@meschain/contracts';
import { byId, emptyState, h } from '../dom.ts';
import { Feed } from '../feed.ts';
import { formatTime } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import type { TextKey } from '../texts.ts';
import { toast } from '../toast.ts';

type Alert = Loose<SystemAlert>;

const ROWS = 10;
const SOUND_KEY = 'meschain_alert_sound';
const LEVELS = new Set(['info', 'warning', 'error', 'critical']);

export function levelOf(value: unknown): string {
  return LEVELS.has(text(value)) ? text(value) : 'info';
}

export function levelWord(level: string): string {
  return t(`level.${level}` as TextKey);
}

/** What has become of it; empty while nobody has said anything. */
export function fateOf(alert: Alert): string {
  if (text(alert.state) === 'resolved') return t('alert.over');
  if (text(alert.state) !== 'acknowledged') return '';
  return t('alerts.acknowledgedShort', { name: text(alert.acknowledgedBy) });
}

export class Alerts {
  private readonly feed = new Feed<Alert>(
    ROWS,
    (alert) => text(alert.id),
    (alert) => text(alert.timestamp),
  );
  private readonly sound = byId('alert-sound-switch') as HTMLInputElement;

  constructor(private readonly client: () => MesChainSignalRClient) {
    this.sound.checked = localStorage.getItem(SOUND_KEY) === 'on';
    this.sound.addEventListener('change', () => localStorage.setItem(SOUND_KEY, this.sound.checked ? 'on' : 'off'));
    byId('alert-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.send();
    });
    onLanguageChange(() => this.render());
    this.render();
  }

  /** The latest ones of the server, newest first. */
  load(alerts: readonly Alert[]): void {
    if (this.feed.add(...[...alerts].reverse())) this.render();
  }

  receive(alert: Alert): void {
    if (!this.feed.add(alert)) return;
    this.render();
    if (levelOf(alert.level) === 'critical' && isNewAlert(alert) && this.sound.checked) {
      // Refused by the browser until somebody has touched the page.
      (byId('alert-sound') as HTMLAudioElement).play().catch(() => undefined);
    }
  }

  private async send(): Promise<void> {
    const message = byId('alert-message') as HTMLInputElement;
    const level = byId('alert-level') as HTMLSelectElement;
    const words = message.value.trim();
    if (words === '') return;
    try {
      await this.client().sendAdminCommand('broadcastAlert', { message: words, level: level.value });
      message.value = '';
    } catch (error) {
      toast(t('alert.failed', { error: error instanceof Error ? error.message : String(error) }), 'error');
    }
  }

  private render(): void {
    const rows = this.feed.list().map((alert) => {
      const level = levelOf(alert.level);
      return h(
        'li',
        { 'data-alert': text(alert.id) },
        h('span', { class: `chip state ${level}` }, levelWord(level)),
        h(
          'div',
          { class: 'main' },
          h('strong', {}, text(alert.message)),
          h('small', {}, [text(alert.source), fateOf(alert)].filter(Boolean).join(', ')),
        ),
        h('time', { datetime: text(alert.timestamp) }, formatTime(text(alert.timestamp))),
      );
    });
    byId('alerts-list').replaceChildren(...(rows.length > 0 ? rows : [emptyState(t('alert.none'), 'check')]));
  }
}

// Shows whether the figures are live. Listens to the client's DOM events; knows nothing of its connection.

import { gemini, isNewAlert, MesChainSignalRClient, text } from '@meschain/client';
import type { SessionInfo } from '@meschain/contracts';
import { h, icon } from './dom.ts';
import { onLanguageChange, t } from './i18n.ts';
import { leaveForLogin } from './session.ts';
import { notify, toast } from './toast.ts';

/** Told on `document` when a page has read what it shows. */
export const READ_EVENT = 'page:read';

/** The connection of a page that has no hub of its own: to the first hub of the session, with its notices. */
export function connect(session: SessionInfo): MesChainSignalRClient {
  const client = new MesChainSignalRClient(session.userId, session.role, { hub: session.hubs[0] ?? '' });
  watchConnection(client);
  client.on('receiveNotification', notify);
  client.on('systemAlert', (alert) => {
    if (isNewAlert(alert)) toast(text(alert.message), text(alert.level));
  });
  return client;
}

type State = 'connecting' | 'live' | 'stale' | 'failed';

/** Keeps `body[data-connection]`, the notice of a lost connection, and goes to the log-in when the log-in has ended. */
export function watchConnection(client: MesChainSignalRClient): void {
  let state: State = 'connecting';
  let lastFigures: Date | null = null;
  const message = h('p', {});
  const tryAgain = (): void => {
    become('connecting');
    void client.start();
  };
  const again = h('button', { type: 'button', class: 'button small', onclick: tryAgain });
  const notice = h('div', { class: 'notice', role: 'status', hidden: true }, icon('alert'), message, again);
  document.getElementById('main')?.prepend(notice);

  const render = (): void => {
    document.body.dataset.connection = state;
    notice.hidden = state === 'live' || state === 'connecting';
    again.hidden = state !== 'failed';
    again.textContent = t('connection.again');
    if (state === 'failed') message.textContent = t('connection.failed');
    else if (state === 'stale') {
      const time = lastFigures && gemini.formatTime(lastFigures.toISOString(), 'time');
      message.textContent = time ? t('connection.lost', { time }) : t('connection.lostEarly');
    }
    gemini.writeConnectionStatus(state === 'live');
  };
  const become = (next: State): void => {
    state = next;
    render();
  };

  document.addEventListener('signalr:connected', () => become('live'));
  document.addEventListener('signalr:reconnected', () => {
    become('live');
    toast(t('connection.back'), 'success');
  });
  document.addEventListener('signalr:reconnecting', () => become('stale'));
  document.addEventListener('signalr:disconnected', () => become('stale'));
  document.addEventListener('signalr:connectionFailed', () => become('failed'));
  document.addEventListener('signalr:loggedOut', () => leaveForLogin(true));
  const targets = ['adminDashboardUpdate', 'metricsUpdate', 'performanceData', 'orderNotification'];
  for (const event of [...targets.map((target) => `signalr:${target}`), READ_EVENT]) {
    document.addEventListener(event, () => {
      lastFigures = new Date();
    });
  }
  // Logged out in another tab: this one must not go on with what it has.
  window.addEventListener('storage', (event) => {
    if (event.key === 'auth_token' && event.newValue === null) leaveForLogin();
  });
  onLanguageChange(render);
  render();
}

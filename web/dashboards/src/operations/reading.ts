// What a page reads over HTTP and keeps up to date, and what it says when that fails.

import { h, icon } from '../dom.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { READ_EVENT } from '../live.ts';
import { ApiError, leaveForLogin, loadJson } from '../session.ts';

/** Events come in bursts: one read for all of them. */
const SOON_MS = 1000;
/** Of the connection: what happened before no event has told. */
const OPENED = ['signalr:connected', 'signalr:reconnected', 'signalr:eventsMissed'];

export class Reading<Payload> {
  private asked = 0;
  private isReading = false;
  private isWaiting = false;
  private failure: unknown = null;
  private readonly message = h('p', {});
  private readonly notice = h(
    'div',
    { class: 'notice', role: 'status', hidden: true },
    icon('alert'),
    this.message,
    h('button', {
      type: 'button',
      class: 'button small',
      'data-t': 'connection.again',
      onclick: () => void this.load(),
    }),
  );

  /**
   * @param host where the notice of a failure stands, and what looks out of date then
   * @param path asked anew for each read, so that filters count
   */
  constructor(
    private readonly host: HTMLElement,
    private readonly path: () => string,
    private readonly show: (payload: Payload) => void,
  ) {
    host.prepend(this.notice);
    onLanguageChange(() => this.render());
    for (const event of OPENED) document.addEventListener(event, () => void this.load());
    this.render();
  }

  /** Reads now. What was asked for last is shown, whatever comes later. */
  async load(): Promise<void> {
    const number = ++this.asked;
    // While one is under way its answer may be older than what is asked for: one more follows it.
    if (this.isReading) return;
    this.isReading = true;
    try {
      const payload = await loadJson<Payload>(this.path());
      if (number === this.asked) {
        this.failure = null;
        this.show(payload);
        document.dispatchEvent(new CustomEvent(READ_EVENT));
      }
    } catch (error) {
      if (error instanceof Error && error.name === 'LoggedOut') leaveForLogin(true);
      this.failure = error;
    } finally {
      this.isReading = false;
      this.render();
    }
    if (number !== this.asked) await this.load();
  }

  /** Reads in a moment, once for all who ask until then. */
  soon(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    setTimeout(() => {
      this.isWaiting = false;
      void this.load();
    }, SOON_MS);
  }

  /** Reads again and again while somebody may be looking, and at once when they come back. */
  every(seconds: number): void {
    setInterval(() => {
      if (!document.hidden) void this.load();
    }, seconds * 1000);
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.soon();
    });
  }

  private render(): void {
    this.notice.hidden = this.failure === null;
    this.host.toggleAttribute('data-stale', this.failure !== null);
    if (this.failure !== null) this.message.textContent = failureText(this.failure);
    const again = this.notice.querySelector('button');
    if (again) again.textContent = t('connection.again');
  }
}

/** For people: what kept a request from being done. */
export function failureText(error: unknown): string {
  if (!(error instanceof ApiError)) return t('connection.failed');
  return error.status === 403 ? t('refused.text') : t('failed', { error: error.message });
}

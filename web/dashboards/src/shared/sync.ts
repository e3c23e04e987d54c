// The sync button and progress bar of one marketplace, with the ids that older pages look for.

import { gemini, type Loose, type MesChainSignalRClient, number, text } from '@meschain/client';
import type { SyncUpdate } from '@meschain/contracts';
import { h, icon } from '../dom.ts';
import { marketplaceName } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { toast } from '../toast.ts';

export class SyncControl {
  readonly button: HTMLButtonElement;
  readonly progress: HTMLElement;
  private readonly label = h('span', {});
  private readonly track: HTMLElement;
  private running = false;
  private startedHere = false;
  private asking = false;
  private percent = 0;
  private job = '';
  private ended = false;

  constructor(
    private readonly code: string,
    private readonly client: () => MesChainSignalRClient,
  ) {
    this.button = h(
      'button',
      { type: 'button', class: 'button quiet small', 'data-sync': code, onclick: () => void this.start() },
      icon('sync'),
      this.label,
    );
    this.track = h(
      'div',
      {
        class: 'track',
        id: `${code}-progress-bar`,
        role: 'progressbar',
        'aria-valuemin': '0',
        'aria-valuemax': '100',
        'aria-valuenow': '0',
      },
      h('div', { class: 'fill', id: `${code}-progress` }),
    );
    this.progress = h(
      'div',
      { class: 'market-progress', id: `${code}-sync-progress` },
      this.track,
      h('span', { id: `${code}-progress-text` }, '0%'),
    );
    onLanguageChange(() => {
      gemini.writeProgress(this.code, this.percent);
      this.render();
    });
    this.render();
  }

  /** Sets what is known without an event; a sync is not set back to what was read before its last event came. */
  set(progress: number, running: boolean, job = ''): void {
    if (this.asking) return;
    const known = job !== '' && job === this.job;
    if (known && running && this.ended) return;
    if (known && running) progress = Math.max(progress, this.percent);
    this.job = job;
    this.ended = !running;
    this.running = running;
    // Its end went by while the connection was lost: the next one's is not ours.
    if (!running) this.startedHere = false;
    this.percent = progress;
    gemini.writeProgress(this.code, progress);
    this.render();
  }

  receive(update: Loose<SyncUpdate>): void {
    const status = text(update.status);
    const isOver = update.completed === true || status === 'error' || status === 'cancelled';
    this.running = !isOver && number(update.progress) !== null;
    this.percent = number(update.progress) ?? this.percent;
    this.job = text(update.jobId);
    this.ended = update.completed === true;
    this.render();
    if (this.running || !this.startedHere) return;
    // Syncs that others started are told by the status alone.
    this.startedHere = false;
    if (status === 'cancelled') {
      toast(t('sync.cancelled', { marketplace: marketplaceName(this.code) }), 'warning');
    } else if (status === 'error') {
      toast(t('sync.failed', { marketplace: marketplaceName(this.code), error: text(update.message) }), 'error');
    } else if (status === 'cancelled') {
      toast(t('sync.cancelled', { marketplace: marketplaceName(this.code) }), 'info');
    } else if (update.completed === true) {
      toast(t('sync.done', { marketplace: marketplaceName(this.code) }), 'success');
    }
  }

  private async start(): Promise<void> {
    this.running = true;
    this.startedHere = true;
    this.asking = true;
    this.render();
    try {
      await this.client().syncMarketplace(this.code);
    } catch (error) {
      this.running = false;
      this.startedHere = false;
      this.render();
      const reason = error instanceof Error ? error.message : String(error);
      toast(t('sync.refused', { marketplace: marketplaceName(this.code), error: reason }), 'error');
    } finally {
      this.asking = false;
    }
  }

  private render(): void {
    const marketplace = marketplaceName(this.code);
    this.button.disabled = this.running;
    this.progress.toggleAttribute('data-running', this.running);
    this.progress.toggleAttribute('data-idle', !this.running && this.percent <= 0);
    this.label.textContent = t(this.running ? 'sync.running' : 'sync.button');
    this.button.setAttribute('aria-label', t('sync.label', { marketplace }));
    this.track.setAttribute('aria-label', t('sync.progress', { marketplace }));
  }
}

// The event log: what this page heard, with filters by level and text.

import { byId, h } from '../dom.ts';
import { formatTime } from '../format.ts';
import { currentLanguage, onLanguageChange, t } from '../i18n.ts';
import { levelWord } from './alerts.ts';

const ENTRIES = 500;

export interface LogEntry {
  /** ISO time. */
  time: string;
  level: string;
  /** Called at each rendering, so that it follows the language. */
  text(): string;
}

/** By the page's language: a Turkish I is no i. */
function lower(words: string): string {
  return words.toLocaleLowerCase(currentLanguage());
}

/** Whether an entry passes the filters. */
export function passes(entry: LogEntry, level: string, search: string): boolean {
  if (level !== '' && entry.level !== level) return false;
  return search === '' || lower(entry.text()).includes(lower(search));
}

export class LogView {
  private readonly entries: LogEntry[] = [];
  private readonly host = byId('logViewer');
  private readonly level = byId('logLevelFilter') as HTMLSelectElement;
  private readonly search = byId('logSearchFilter') as HTMLInputElement;
  private scheduled = false;

  constructor() {
    this.level.addEventListener('change', () => this.render());
    this.search.addEventListener('input', () => this.render());
    onLanguageChange(() => this.render());
    this.render();
  }

  add(entry: LogEntry): void {
    this.entries.unshift(entry);
    this.entries.length = Math.min(this.entries.length, ENTRIES);
    if (this.scheduled) return;
    // A burst of events is one rendering.
    this.scheduled = true;
    setTimeout(() => {
      this.scheduled = false;
      this.render();
    }, 200);
  }

  private render(): void {
    const shown = this.entries.filter((entry) => passes(entry, this.level.value, this.search.value.trim()));
    const rows = shown.map((entry) =>
      h(
        'li',
        { class: entry.level },
        h('time', { datetime: entry.time }, formatTime(entry.time, 'time')),
        h('span', { class: 'level' }, levelWord(entry.level)),
        h('span', {}, entry.text()),
      ),
    );
    this.host.replaceChildren(...(rows.length > 0 ? rows : [h('li', { class: 'empty' }, t('log.none'))]));
  }
}

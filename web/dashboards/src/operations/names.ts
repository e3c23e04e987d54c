// Who somebody is, by the id that the server keeps: names are asked for once, and shown as they come.

import { send } from '../session.ts';
import { t } from '../i18n.ts';

interface Answer {
  names: Record<string, string>;
}

/** Ids in one question; the server answers no more. */
const MOST = 100;

export class Names {
  private readonly known = new Map<string, string>();
  private readonly asked = new Set<string>();

  /** @param changed called when there are more names than before */
  constructor(private readonly changed: () => void) {}

  /** Asks for those that are not known yet. */
  want(ids: Iterable<string>): void {
    const fresh = [...new Set(ids)].filter((id) => isPerson(id) && !this.asked.has(id));
    for (const id of fresh) this.asked.add(id);
    for (let start = 0; start < fresh.length; start += MOST) void this.ask(fresh.slice(start, start + MOST));
  }

  /** The name, or as much as the id says. */
  of(id: string): string {
    return this.known.get(id) ?? nameOfId(id);
  }

  private async ask(ids: string[]): Promise<void> {
    try {
      const answer = await send<Answer>('GET', `/names?${new URLSearchParams(ids.map((id) => ['id', id]))}`);
      for (const [id, name] of Object.entries(answer?.names ?? {})) this.known.set(id, name);
      this.changed();
    } catch {
      // Without names the ids are shown; the next page that comes asks again.
      for (const id of ids) this.asked.delete(id);
    }
  }
}

function isPerson(id: string): boolean {
  return id.startsWith('own:') || id.startsWith('opencart:');
}

/** What an id says by itself. */
export function nameOfId(id: string): string {
  const [source, ...rest] = id.split(':');
  const name = rest.join(':');
  if (id === '') return t('name.nobody');
  if (id === 'service:schedule') return t('name.schedule');
  if (source === 'service') return t('name.service', { name });
  if (source === 'shell') return t('name.shell', { name });
  return id;
}

// The page of old dialects: which ports serve them, and who was seen on them last. Asks now and then; nothing is live here.

import '../styles/index.css';
import type { LegacyPage, LegacyReport } from '@meschain/contracts';
import { byId, emptyState, h } from '../dom.ts';
import { formatNumber, formatTime } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { openPage } from '../shell.ts';
import { loadJson } from '../session.ts';
import { toast } from '../toast.ts';

const REFRESH_MS = 30_000;

await openPage('legacy');
let report: LegacyReport | null = null;

function row(page: LegacyPage): HTMLElement {
  const seen = page.open ? t('legacy.open') : formatTime(page.lastSeenAt);
  return h(
    'tr',
    {},
    h('td', {}, page.dialect),
    h('td', { title: page.userAgent }, page.origin || t('legacy.program')),
    h('td', {}, page.address),
    h('td', {}, page.proved ? page.role : t('legacy.unproved', { role: page.role })),
    h('td', { class: 'number' }, formatNumber(page.connections)),
    h('td', { class: 'number' }, formatNumber(page.received)),
    h('td', { class: 'number' }, seen),
  );
}

function render(): void {
  if (report === null) return;
  const listeners = report.listeners.map((each) => {
    const dialect = each.dialect || t('legacy.anyDialect');
    const values = { name: each.name, port: each.port, dialect, role: each.role, ceiling: each.ceiling };
    return h('li', {}, t('legacy.listener', values));
  });
  byId('listeners').replaceChildren(...(listeners.length > 0 ? listeners : [emptyState(t('legacy.off'))]));
  const users = report.pages.map(row);
  const nobody = h('tr', {}, h('td', { colspan: '7' }, t('legacy.nobody')));
  byId('users').replaceChildren(...(users.length > 0 ? users : [nobody]));
}

async function load(): Promise<void> {
  try {
    report = await loadJson<LegacyReport>('/legacy');
    byId('last-refresh-time').textContent = formatTime(new Date().toISOString(), 'time');
    render();
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error), 'error');
  }
}

onLanguageChange(render);
await load();
setInterval(() => void load(), REFRESH_MS);

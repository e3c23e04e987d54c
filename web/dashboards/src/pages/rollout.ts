// The roll-out page: the dial, both sides, and what guards and comparison say. Asks the server again and again, so that it
// shows the truth also while connections change sides.

import '../styles/index.css';
import type { RolloutReport, SideFigures } from '@meschain/contracts';
import { byId, emptyState, h } from '../dom.ts';
import { formatNumber, formatPercent, formatTime } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { changeRollout, loadJson } from '../session.ts';
import { openPage } from '../shell.ts';
import type { TextKey } from '../texts.ts';

const ASK_MS = 2000;
const STEPS = [0, 1, 5, 25, 50, 100];
const UNDER_WAY = new Set(['running', 'held']);

await openPage('rollout');

const dial = byId('dial') as HTMLInputElement;
const shadow = byId('shadow') as HTMLInputElement;
const buttons = ['set', 'hold', 'rollback'].map((id) => byId(id) as HTMLButtonElement);
let report: RolloutReport | null = null;
/** The version that the dial was moved from; null: it shows what the plan says. */
let movedFrom: number | null = null;

byId('dial-steps').append(...STEPS.map((step) => h('option', { value: String(step) })));

function state(name: string): string {
  return t(`rollout.state.${name}` as TextKey);
}

function line(label: TextKey, of: (side: SideFigures) => string, sides: RolloutReport['sides']): HTMLElement {
  const cells = ['blue', 'green'].map((name) => {
    const side = sides[name];
    return h('td', { class: 'number' }, side ? of(side) : '—');
  });
  return h('tr', {}, h('th', { scope: 'row' }, t(label)), ...cells);
}

function render(): void {
  byId('dial-value').textContent = formatPercent(Number(dial.value), 0);
  if (report === null) return;
  const { plan, sides } = report;
  const isUnderWay = UNDER_WAY.has(plan.state);
  byId('no-green').hidden = report.hasGreen;
  byId('plan-state').textContent = state(plan.state);
  byId('plan-state').dataset.state = plan.state;
  byId('plan-reason').textContent = plan.reason;
  const chosen = [...plan.roles, ...plan.userIds, ...plan.marketplaces];
  byId('plan-chosen').textContent = isUnderWay && chosen.length ? t('rollout.chosen', { who: chosen.join(', ') }) : '';
  byId('set').textContent = t(isUnderWay ? 'rollout.set' : 'rollout.start');
  const [set, hold, back] = buttons;
  if (set) set.disabled = !report.hasGreen;
  if (hold) hold.disabled = plan.state !== 'running';
  if (back) back.disabled = !isUnderWay;
  shadow.disabled = isUnderWay || !report.hasGreen;
  if (isUnderWay) shadow.checked = plan.shadow;
  // Without a plan nobody looks at the sides, and with one side there is nothing to compare.
  const measured = isUnderWay ? sides : {};
  byId('sides').replaceChildren(
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('td', {}),
        h('th', { scope: 'col' }, t('rollout.blue')),
        h('th', { scope: 'col' }, t('rollout.green')),
      ),
    ),
    h(
      'tbody',
      {},
      line('rollout.connections', (side) => formatNumber(side.connections), report.hasGreen ? sides : {}),
      line('rollout.connectsFailed', (side) => formatPercent(side.connectsFailed, 1), measured),
      line('rollout.errors', (side) => formatPercent(side.errors, 1), measured),
      line('rollout.latency', (side) => (side.latencyMs > 0 ? `${formatNumber(side.latencyMs, 0)} ms` : '—'), measured),
    ),
  );
  byId('guard').hidden = !isUnderWay;
  byId('guard').textContent = report.guard === '' ? t('rollout.guardWell') : t('rollout.guard', { what: report.guard });
  byId('comparison').hidden = !plan.shadow;
  byId('compared').textContent = t('rollout.compared', { count: formatNumber(report.compared) });
  const { differences, history } = report;
  byId('differences').replaceChildren(
    ...(differences.length
      ? differences.toReversed().map((text) => h('li', {}, h('span', { class: 'main' }, text)))
      : [emptyState(t('rollout.noDifference'), 'check')]),
  );
  byId('history').replaceChildren(
    ...(history.length
      ? history.map((version) =>
          h(
            'li',
            {},
            h(
              'span',
              { class: 'main' },
              h('strong', {}, `${state(version.state)}, ${formatPercent(version.percent, 0)}`),
              h('small', {}, [version.changedBy, version.reason].filter((part) => part !== '').join(': ')),
            ),
            h('span', { class: 'aside' }, h('time', { datetime: version.changedAt }, formatTime(version.changedAt))),
          ),
        )
      : [emptyState(t('rollout.noHistory'))]),
  );
}

function take(found: RolloutReport): void {
  report = found;
  document.body.dataset.connection = 'live';
  byId('last-refresh-time').textContent = formatTime(new Date().toISOString(), 'time');
  if (movedFrom === null) dial.value = String(found.plan.percent);
  render();
}

async function ask(): Promise<void> {
  try {
    take(await loadJson<RolloutReport>('/rollout'));
  } catch {
    document.body.dataset.connection = 'stale';
  }
}

async function change(action: string, body: Record<string, unknown>): Promise<void> {
  for (const button of buttons) button.disabled = true;
  byId('failure').textContent = '';
  try {
    const found = await changeRollout(action, body);
    movedFrom = null;
    take(found);
  } catch (error) {
    byId('failure').textContent = error instanceof Error ? error.message : String(error);
    movedFrom = null;
    await ask();
    render();
  }
}

dial.addEventListener('input', () => {
  movedFrom ??= report?.plan.version ?? null;
  render();
});
byId('set').addEventListener('click', () => {
  if (report === null) return;
  const version = movedFrom ?? report.plan.version;
  const percent = Number(dial.value);
  if (UNDER_WAY.has(report.plan.state)) void change('advance', { percent, version });
  else void change('start', { percent, version, shadow: shadow.checked });
});
byId('hold').addEventListener('click', () => void change('hold', { version: report?.plan.version }));
byId('rollback').addEventListener('click', () => void change('rollback', {}));
onLanguageChange(render);
await ask();
setInterval(() => void ask(), ASK_MS);

// What is said of alerts and of the rules that watch. Pure.

import type { AlertRow, AlertRuleRow } from '@meschain/contracts';
import { formatPercent, NO_FIGURE } from '../format.ts';
import { currentLanguage, t } from '../i18n.ts';
import { known } from '../known.ts';

const SEVERITY: Record<string, number> = { critical: 0, error: 1, warning: 2, info: 3 };
const RULE_KINDS: Record<string, string> = { ok: 'good', pending: 'warning', firing: 'error', unknown: '' };

/** Those that are not over: what nobody has looked at first, then the worst, then the newest. */
export function openAlerts(alerts: readonly AlertRow[]): AlertRow[] {
  return alerts
    .filter((alert) => alert.state !== 'resolved')
    .sort(
      (left, right) =>
        Number(left.state !== 'firing') - Number(right.state !== 'firing') ||
        (SEVERITY[left.level] ?? 9) - (SEVERITY[right.level] ?? 9) ||
        right.timestamp.localeCompare(left.timestamp),
    );
}

/** A figure with its unit; where a rule has none, whether it holds. The dash: there was nothing to measure. */
export function measured(value: number | null, unit: string): string {
  if (value === null) return NO_FIGURE;
  if (unit === '') return t(value >= 1 ? 'alerts.holds' : 'alerts.holdsNot');
  if (unit === '%') return formatPercent(value, Number.isInteger(value) ? 0 : 1);
  const figure = new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: 2 }).format(value);
  return `${figure} ${known(value === 1 ? `unit.${unit}.one` : `unit.${unit}`, known(`unit.${unit}`, unit))}`;
}

/** Look and word of a rule's state. */
export function ruleState(state: string): { kind: string; word: string } {
  return { kind: RULE_KINDS[state] ?? '', word: known(`alerts.rule.${state}`, state) };
}

/** The rule's title in the page's language, the server's own where there is none. */
export function ruleTitle({ name, title }: Pick<AlertRuleRow, 'name' | 'title'>): string {
  return known(`rule.${name}`, title);
}

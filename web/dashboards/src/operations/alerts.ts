// The alerts: those that are not over first, the rules that watch with what they measured, and the earlier ones.

import type { AlertBookAnswer, AlertRow, AlertRuleRow } from '@meschain/contracts';
import { levelOf, levelWord } from '../admin/alerts.ts';
import { byId, emptyState, h } from '../dom.ts';
import { formatTime } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { known } from '../known.ts';
import { send } from '../session.ts';
import { measured, openAlerts, ruleState, ruleTitle } from './alert_words.ts';
import { secondsText } from './job_words.ts';
import { actionButton, emptyRow, moment, stateChip } from './parts.ts';
import { Reading } from './reading.ts';
import { Rows } from './rows.ts';
import { askForSilence } from './silence_dialog.ts';

const SHOWN = 200;
/** What rules measure is told by no event. */
const EVERY_SECONDS = 15;
const COLUMNS = 4;

export class AlertBoard {
  readonly reading: Reading<AlertBookAnswer>;
  private readonly open: Rows<AlertRow>;
  private readonly rules: Rows<AlertRuleRow>;
  private readonly over: Rows<AlertRow>;

  constructor() {
    this.open = new Rows<AlertRow>(byId('alerts-open'), {
      key: (alert) => alert.id,
      build: (alert) => this.openRow(alert),
      empty: () => emptyState(t('alert.none'), 'check'),
    });
    this.rules = new Rows<AlertRuleRow>(byId('alert-rules'), {
      key: (rule) => rule.name,
      build: (rule) => this.ruleRow(rule),
      empty: () => emptyRow(COLUMNS, t('alerts.noRules')),
    });
    this.over = new Rows<AlertRow>(byId('alerts-over'), {
      key: (alert) => alert.id,
      build: overRow,
      empty: () => emptyState(t('alerts.noneOver'), 'check'),
    });
    this.reading = new Reading<AlertBookAnswer>(
      byId('alerts'),
      () => `/alerts?limit=${SHOWN}`,
      ({ alerts, rules }) => {
        this.open.show(openAlerts(alerts));
        this.rules.show(rules);
        this.over.show(alerts.filter((alert) => alert.state === 'resolved'));
      },
    );
    this.reading.every(EVERY_SECONDS);
    onLanguageChange(() => {
      for (const rows of [this.open, this.over]) rows.refresh();
      this.rules.refresh();
    });
  }

  private async act(method: string, path: string, body?: object): Promise<void> {
    await send(method, path, body);
    await this.reading.load();
  }

  private openRow(alert: AlertRow): HTMLElement {
    const path = `/alerts/${encodeURIComponent(alert.id)}`;
    const level = levelOf(alert.level);
    const acknowledge = actionButton(
      'acknowledge',
      { text: 'alerts.acknowledge', label: t('alerts.acknowledgeLabel', { message: alert.message }) },
      () => this.act('POST', `${path}/acknowledge`),
    );
    const resolve = actionButton(
      'resolve',
      { text: 'alerts.resolve', label: t('alerts.resolveLabel', { message: alert.message }) },
      () => this.act('POST', `${path}/resolve`),
    );
    return h(
      'li',
      { 'data-alert': alert.id, class: alert.state },
      stateChip(level, levelWord(level)),
      h(
        'div',
        { class: 'main' },
        h('strong', {}, alert.message),
        h('small', {}, detailsOf(alert), ', ', moment(alert.timestamp)),
        alert.acknowledgedAt
          ? h(
              'small',
              {},
              t('alerts.acknowledgedBy', { name: alert.acknowledgedBy, time: formatTime(alert.acknowledgedAt) }),
            )
          : null,
      ),
      h(
        'div',
        { class: 'actions' },
        alert.state === 'firing' ? acknowledge : stateChip('info', t('alerts.acknowledged')),
        // What a rule watches is over when the rule says so.
        alert.rule === '' ? resolve : null,
      ),
    );
  }

  private ruleRow(rule: AlertRuleRow): HTMLElement {
    const { kind, word } = ruleState(rule.state);
    const title = ruleTitle(rule);
    const limit = rule.unit === '' ? '' : measured(rule.threshold, rule.unit);
    const after = rule.forSeconds > 0 ? t('alerts.after', { time: secondsText(rule.forSeconds) }) : '';
    return h(
      'tr',
      { 'data-rule': rule.name },
      h(
        'td',
        { class: 'grow' },
        h('strong', {}, title),
        h('small', { class: 'narrow-only' }, `${measured(rule.value, rule.unit)}${limit && ` / ${limit}`}`),
        silenceText(rule) ? h('small', {}, silenceText(rule)) : null,
      ),
      h('td', { class: 'number wide-only' }, measured(rule.value, rule.unit)),
      h('td', { class: 'number wide-only' }, limit, h('small', {}, after)),
      h('td', {}, h('div', { class: 'actions' }, stateChip(kind, word), this.silenceButton(rule, title))),
    );
  }

  private silenceButton(rule: AlertRuleRow, title: string): HTMLElement {
    const path = `/alert-rules/${rule.name}/silence`;
    if (rule.silencedUntil !== null) {
      const words = { text: 'alerts.speak', label: t('alerts.speakLabel', { rule: title }) } as const;
      return actionButton('silence', words, () => this.act('DELETE', path));
    }
    const words = { text: 'alerts.silence', label: t('alerts.silenceLabel', { rule: title }) } as const;
    return actionButton('silence', words, async () => {
      const silence = await askForSilence(title);
      if (silence !== null) await this.act('PUT', path, silence);
    });
  }
}

function overRow(alert: AlertRow): HTMLElement {
  const level = levelOf(alert.level);
  return h(
    'li',
    { 'data-alert': alert.id },
    stateChip(level, levelWord(level)),
    h(
      'div',
      { class: 'main' },
      h('strong', {}, alert.message),
      h(
        'small',
        {},
        detailsOf(alert),
        alert.acknowledgedBy ? `, ${t('alerts.acknowledgedShort', { name: alert.acknowledgedBy })}` : '',
      ),
    ),
    h(
      'time',
      { datetime: alert.timestamp, title: t('alerts.overAt', { time: formatTime(alert.resolvedAt ?? '') }) },
      formatTime(alert.timestamp),
    ),
  );
}

/** Who raised it, and what was measured then. */
function detailsOf(alert: AlertRow): string {
  const who = alert.source === 'person' ? alert.raisedBy : known(`alerts.source.${alert.source}`, alert.source);
  const figure =
    alert.value === null || alert.unit === ''
      ? ''
      : t('alerts.figure', { value: measured(alert.value, alert.unit), limit: measured(alert.threshold, alert.unit) });
  return [who, figure].filter(Boolean).join(', ');
}

function silenceText(rule: AlertRuleRow): string {
  if (rule.silencedUntil === null) return '';
  const until = t('alerts.silenced', { time: formatTime(rule.silencedUntil), name: rule.silencedBy });
  return rule.silenceReason ? `${until}: ${rule.silenceReason}` : until;
}

// The log-in page.

import '../styles/index.css';
import { MARKETPLACES, type SessionInfo } from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { onLanguageChange, t, translate } from '../i18n.ts';
import { type LoginOutcome, readLoginAnswer } from '../login_answer.ts';
import { homeOf, loadSession, tokens } from '../session.ts';
import { brand, preferenceControls, showDemoBanner } from '../shell.ts';

const form = byId('login-form') as HTMLFormElement;
const submit = byId('login-submit') as HTMLButtonElement;
const errorLine = byId('login-error');
const username = byId('username') as HTMLInputElement;
const password = byId('password') as HTMLInputElement;

let outcome: LoginOutcome | null = null;
let countdown: ReturnType<typeof setInterval> | null = null;

function render(): void {
  document.title = `${t('login.title')} · MesChain`;
  const text = outcome === null ? '' : textOf(outcome);
  // The seconds are there to be seen; read out once is enough.
  errorLine.setAttribute('aria-live', countdown === null ? 'assertive' : 'off');
  errorLine.textContent = text;
  errorLine.hidden = text === '';
}

function textOf(found: LoginOutcome): string {
  switch (found.kind) {
    case 'throttled':
      return found.seconds > 0 ? t('login.throttled', { seconds: found.seconds }) : t('login.again');
    case 'failed':
      return t('login.failed', { error: found.error });
    case 'session':
      return '';
    default:
      return t(`login.${found.kind}`);
  }
}

function show(found: LoginOutcome): void {
  outcome = found;
  if (countdown !== null) clearInterval(countdown);
  countdown = null;
  render();
  if (found.kind === 'throttled') {
    submit.disabled = true;
    countdown = setInterval(() => {
      found.seconds -= 1;
      if (found.seconds <= 0) {
        if (countdown !== null) clearInterval(countdown);
        countdown = null;
        submit.disabled = false;
      }
      render();
    }, 1000);
  }
  const isAboutFields = found.kind === 'wrong' || found.kind === 'missing';
  for (const field of [username, password]) field.setAttribute('aria-invalid', String(isAboutFields));
}

async function logIn(): Promise<void> {
  if (username.value.trim() === '' || password.value === '') {
    show({ kind: 'missing' });
    (username.value.trim() === '' ? username : password).focus();
    return;
  }
  submit.disabled = true;
  submit.textContent = t('login.busy');
  let found: LoginOutcome;
  try {
    const answer = await fetch('/api/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: username.value.trim(), password: password.value }),
    });
    found = await readLoginAnswer(answer);
  } catch {
    found = { kind: 'unreachable' };
  }
  submit.disabled = false;
  submit.textContent = t('login.submit');
  if (found.kind === 'session') {
    enter(found.session);
    return;
  }
  show(found);
  if (found.kind === 'wrong') {
    password.value = '';
    password.focus();
  }
}

function enter(session: SessionInfo): void {
  tokens.store(session.accessToken);
  location.replace(homeOf(session));
}

translate(document);
byId('brand').append(brand());
byId('marketplace-names').append(...Object.values(MARKETPLACES).map((name) => h('li', {}, name)));
byId('head-controls').append(...preferenceControls());
onLanguageChange(render);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void logIn();
});
void showDemoBanner('demo.login');
if (location.search === '?ended') show({ kind: 'ended' });
else render();
username.focus();
const already = await loadSession().catch(() => null);
if (already !== null) location.replace(homeOf(already));

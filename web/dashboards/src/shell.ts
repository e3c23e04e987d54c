// The frame of each page: demo banner, side menu, head with connection, theme and language. Shows links to pages that the
// session may enter; the server refuses the others whatever is shown.

import { LOGIN_ROLES, type SessionInfo } from '@meschain/contracts';
import { byId, h, type IconName, icon } from './dom.ts';
import { currentLanguage, onLanguageChange, setLanguage, t, translate } from './i18n.ts';
import {
  homeOf,
  LOGIN_PATH,
  leaveForLogin,
  loadInfo,
  loadSession,
  logOut,
  mayEnter,
  OPERATIONS,
  PAGES,
  type PageName,
  tokens,
} from './session.ts';
import type { Language, TextKey } from './texts.ts';
import { currentTheme, onThemeChange, toggleTheme } from './theme.ts';

const LINK_ICONS: Record<PageName, IconName> = {
  admin: 'dashboard',
  marketplace: 'store',
  analytics: 'chart',
  jobs: 'sync',
  inbox: 'inbox',
  alerts: 'alert',
  people: 'people',
  audit: 'list',
  rollout: 'sync',
  legacy: 'sync',
};

export interface Section {
  id: string;
  text: TextKey;
}

/** Loads the session and builds the frame. Never returns where the page is not the role's: it says so instead. */
export async function openPage(page: PageName, sections: Section[] = []): Promise<SessionInfo> {
  const writeTitle = (): void => {
    document.title = `${t(page === 'marketplace' ? 'panel.title' : `${page}.title`)} · MesChain`;
  };
  translate(document);
  writeTitle();
  void showDemoBanner();
  const session = await sessionWithPatience();
  if (session === null) {
    leaveForLogin(tokens.current !== '');
    return new Promise(() => undefined);
  }
  const isAllowed = mayEnter(session, page);
  buildSide(page, session, isAllowed ? sections : []);
  buildHead();
  onLanguageChange(writeTitle);
  if (!isAllowed) refuse(session);
  document.body.classList.remove('opening');
  return isAllowed ? session : new Promise(() => undefined);
}

/** In the place of what the role may not see. The title stays, so that nobody wonders where they are. */
function refuse(session: SessionInfo): void {
  const main = byId('main');
  for (const part of [...main.children]) if (!part.matches('.head')) part.remove();
  for (const part of main.querySelectorAll('.head-side > :not(#head-controls)')) part.remove();
  main.append(
    h(
      'section',
      { class: 'card refusal' },
      icon('lock'),
      h('h2', { 'data-t': 'refused.title' }),
      h('p', { class: 'muted', 'data-t': 'refused.text' }),
      h('a', { class: 'button', href: homeOf(session), 'data-t': 'refused.home' }),
    ),
  );
  translate(main);
}

/** A server that is just starting must not throw people out: asks until there is an answer. */
async function sessionWithPatience(): Promise<SessionInfo | null> {
  for (let delay = 1000; ; delay = Math.min(delay * 2, 30_000)) {
    try {
      return await loadSession();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/** Says on every page that this is a demo, if it is; gives the shop's name to the head. */
export async function showDemoBanner(detail?: TextKey): Promise<void> {
  const info = await loadInfo();
  const shop = document.getElementById('shop-name');
  if (shop && info) shop.textContent = info.shopName;
  if (!info?.demo) return;
  const banner = byId('demo-banner');
  const parts: TextKey[] = detail ? ['demo', detail] : ['demo'];
  banner.replaceChildren(icon('info'), h('p', {}, ...parts.map((key) => h('span', { 'data-t': key }))));
  banner.hidden = false;
  translate(banner);
}

function buildSide(page: PageName, session: SessionInfo, sections: Section[]): void {
  const linksTo = (pages: typeof PAGES): HTMLElement[] =>
    pages
      .filter((entry) => mayEnter(session, entry.name))
      .map((entry) =>
        h(
          'li',
          {},
          h(
            'a',
            { href: entry.path, 'aria-current': entry.name === page ? 'page' : undefined },
            icon(LINK_ICONS[entry.name]),
            h('span', { 'data-t': `nav.${entry.name}` }),
          ),
        ),
      );
  const operations = linksTo(OPERATIONS);
  const anchors = sections.map((section) =>
    h('li', {}, h('a', { href: `#${section.id}`, class: 'anchor' }, h('span', { 'data-t': section.text }))),
  );
  const menu = h(
    'button',
    { type: 'button', class: 'menu-button', 'aria-expanded': 'false', 'aria-controls': 'side-menu' },
    icon('menu'),
    h('span', { 'data-t': 'nav.menu' }),
  );
  const nav = h(
    'nav',
    { id: 'side-menu', 'data-t-label': 'nav.label' },
    h('ul', {}, ...linksTo(PAGES)),
    operations.length ? h('p', { class: 'nav-title', 'data-t': 'nav.operations' }) : null,
    operations.length ? h('ul', {}, ...operations) : null,
    anchors.length ? h('p', { class: 'nav-title', 'data-t': 'nav.sections' }) : null,
    anchors.length ? h('ul', {}, ...anchors) : null,
    h(
      'div',
      { class: 'account' },
      h('span', { class: 'avatar', 'aria-hidden': 'true' }, initial(session.name)),
      h('span', { class: 'who' }, h('strong', {}, session.name), h('small', { 'data-t': roleText(session.role) })),
      h(
        'button',
        { type: 'button', class: 'icon-button', id: 'logout', 'data-t-label': 'logout', onclick: () => void logOut() },
        icon('logout'),
      ),
    ),
  );
  const setOpen = (open: boolean): void => {
    menu.setAttribute('aria-expanded', String(open));
    nav.classList.toggle('open', open);
  };
  menu.addEventListener('click', () => setOpen(!nav.classList.contains('open')));
  nav.addEventListener('click', (event) => {
    if ((event.target as Element).closest('a') !== null) setOpen(false);
  });
  byId('side').addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !nav.classList.contains('open')) return;
    setOpen(false);
    menu.focus();
  });
  byId('side').replaceChildren(h('div', { class: 'side-inner' }, brand(homeOf(session)), menu, nav));
  translate(byId('side'));
}

function initial(name: string): string {
  return ([...name][0] ?? '').toLocaleUpperCase(currentLanguage());
}

function roleText(role: string): TextKey {
  const roles: readonly string[] = LOGIN_ROLES;
  return roles.includes(role) ? (`role.${role}` as TextKey) : 'role.user';
}

export function brand(href = LOGIN_PATH): HTMLElement {
  const image = h('img', { src: '/favicon.svg', alt: '', width: '30', height: '30' });
  return h('a', { class: 'brand', href }, image, h('span', {}, 'MesChain'));
}

function buildHead(): void {
  byId('head-controls').append(...preferenceControls());
}

/** Language and theme switches, for the head of any page. */
export function preferenceControls(): HTMLElement[] {
  const languages: Language[] = ['tr', 'en'];
  const buttons = languages.map((language) =>
    h('button', { type: 'button', lang: language, onclick: () => setLanguage(language) }, language.toUpperCase()),
  );
  const group = h(
    'div',
    { class: 'segments', role: 'group', 'data-t-label': 'language.switch', id: 'language-switch' },
    ...buttons,
  );
  const themeIcon = h('span', { id: 'themeIcon', class: 'theme-icon' });
  const themeText = h('span', { id: 'themeText' });
  const theme = h(
    'button',
    { type: 'button', id: 'themeToggle', class: 'button quiet', onclick: toggleTheme },
    themeIcon,
    themeText,
  );
  const render = (): void => {
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.lang === currentLanguage()));
    const dark = currentTheme() === 'dark';
    themeIcon.replaceChildren(icon(dark ? 'sun' : 'moon'));
    themeText.textContent = t(dark ? 'theme.toLight' : 'theme.toDark');
    theme.setAttribute('title', t('theme.switch'));
  };
  onLanguageChange(render);
  onThemeChange(render);
  render();
  translate(group);
  group.setAttribute('aria-label', t('language.switch'));
  return [group, theme];
}

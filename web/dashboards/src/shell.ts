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
  PAGES,
  type PageName,
  tokens,
} from './session.ts';
import type { Language, TextKey } from './texts.ts';
import { currentTheme, onThemeChange, toggleTheme } from './theme.ts';

const LINK_ICONS: Record<PageName, IconName> = { admin: 'dashboard', marketplace: 'store', analytics: 'chart' };

export interface Section {
  id: string;
  text: TextKey;
}

/** Loads the session, leaves for another page where this one is not the role's, and builds the frame. */
export async function openPage(page: PageName, sections: Section[] = []): Promise<SessionInfo> {
  translate(document);
  document.title = `${t(`${page === 'marketplace' ? 'panel' : page}.title`)} · MesChain`;
  void showDemoBanner();
  const session = await sessionWithPatience();
  if (session === null) {
    leaveForLogin(tokens.current !== '');
    return new Promise(() => undefined);
  }
  if (!mayEnter(session, page)) {
    location.replace(homeOf(session));
    return new Promise(() => undefined);
  }
  buildSide(page, session, sections);
  buildHead();
  onLanguageChange(() => {
    document.title = `${t(`${page === 'marketplace' ? 'panel' : page}.title`)} · MesChain`;
  });
  document.body.classList.remove('opening');
  return session;
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
  const links = PAGES.filter((entry) => mayEnter(session, entry.name)).map((entry) =>
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
    h('ul', {}, ...links),
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

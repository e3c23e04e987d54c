// Builds elements. Text goes in by text nodes only: there is no way to pass HTML.

type Child = Node | string | null;
type Properties = Record<string, string | boolean | EventListener | undefined>;

/** An element with attributes, listeners (`onclick: handler`) and children. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (typeof value === 'string') element.setAttribute(name, value);
    else if (value === true) element.setAttribute(name, '');
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** The element of that id. Throws when the page lacks it: page and script belong together. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element;
}

const ICONS = {
  dashboard: 'M4 13h6V4H4v9Zm10 7h6v-9h-6v9ZM4 20h6v-4H4v4ZM14 4v4h6V4h-6Z',
  store:
    'M4 9.5 5.5 4h13L20 9.5M4 9.5a2.7 2.7 0 0 0 5.3 0 2.7 2.7 0 0 0 5.4 0 2.7 2.7 0 0 0 5.3 0M5.5 12.5V20h13v-7.5M10 20v-4.5h4V20',
  chart: 'M4 4v16h16M8 15l3.5-4 3 2.5L20 7',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  logout: 'M14 5H6v14h8M11 12h9m0 0-3.5-3.5M20 12l-3.5 3.5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4',
  moon: 'M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  sync: 'M20 11a8 8 0 0 0-14.3-4L4 9m0 0V4m0 5h5M4 13a8 8 0 0 0 14.3 4L20 15m0 0v5m0-5h-5',
  alert: 'M12 9v4.5M12 17h.01M10.3 4.3 2.8 17.5A2 2 0 0 0 4.5 20.5h15a2 2 0 0 0 1.7-3L13.7 4.3a2 2 0 0 0-3.4 0Z',
  info: 'M12 11v6M12 7.5h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z',
  check: 'M5 12.5 10 17.5 19.5 7',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6 9c0-3.3 2.7-5.5 6-5.5s6 2.2 6 5.5M16 4.5a3.5 3.5 0 0 1 0 6.4M17.5 15c2.1.7 3.5 2.5 3.5 5',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5v-9Zm7 3.5v2',
  inbox: 'M4 13.5 6.5 5h11L20 13.5V19H4v-5.5Zm0 0h4.5l1 2.5h5l1-2.5H20',
} as const;

export type IconName = keyof typeof ICONS;

const SVG = 'http://www.w3.org/2000/svg';

/** A drawn icon, hidden from screen readers: the text beside it says it. */
export function icon(name: IconName): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** What a list shows while it has nothing. */
export function emptyState(text: string, symbol: IconName = 'inbox'): HTMLElement {
  return h('li', { class: 'empty' }, icon(symbol), h('span', {}, text));
}

// Many `MesChainSignalRClient`s in one process, as the server hands the client out, on a page that is as small as can be.
// Arguments: address of the server, file with lines of user id and token; then, where it is to be said which connections
// were opened on green, that side's address, and what the ids of events that count begin with. Commands by lines on the
// input: `state`, `end`; each is answered by a line of JSON. `ws` is found from the current directory.
import { readFileSync } from 'node:fs';
import { setMaxListeners } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import vm from 'node:vm';

const [base, file, green = '', prefix = ''] = process.argv.slice(2);
const SimpleWebSocket = createRequire(`${process.cwd()}/`)('ws');
/** Each connection that was opened: whose, whether on green, when, and whether its place was asked first. */
const opened = [];
class WebSocket extends SimpleWebSocket {
  constructor(url, ...more) {
    super(url, ...more);
    if (green === '') return;
    const query = new URL(url).searchParams;
    const claims = query.get('access_token').split('.')[1];
    const { 'asrs.s.uid': service, sub, nameid } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    const isGreen = url.replace(/^ws/, 'http').startsWith(green);
    this.addEventListener('open', () => opened.push([service ?? nameid ?? sub, isGreen, Date.now(), query.has('id')]));
  }
}
const START_AT_ONCE = 25;

const page = Object.assign(new EventTarget(), {
  baseURI: `${base}/`,
  readyState: 'complete',
  documentElement: { lang: 'en' },
  getElementById: () => null,
  querySelector: () => null,
  querySelectorAll: () => [],
});
setMaxListeners(0, page); // each connection listens to the page's freezing
const here = {
  document: page,
  WebSocket,
  fetch: (input, init) => fetch(new URL(input, base), init),
  localStorage: {},
  navigator: { userAgent: 'soak' },
};
for (const name of [
  'AbortController', 'ArrayBuffer', 'CustomEvent', 'Date', 'Error', 'Event', 'EventTarget', 'Headers', 'Response',
  'TextDecoder', 'TextEncoder', 'URL', 'URLSearchParams', 'Uint8Array', 'atob', 'btoa', 'clearInterval', 'clearTimeout',
  'performance', 'queueMicrotask', 'setInterval', 'setTimeout',
]) {
  here[name] = globalThis[name];
}
here.console = { ...console, log: () => undefined, info: () => undefined, warn: () => undefined };
here.window = here.self = here;
const script = await (await fetch(`${base}/assets/meschain-signalr.js`)).text();
vm.runInContext(script, vm.createContext(here));
const { MesChainSignalRClient, TokenStore } = here.MesChainSignalR;

const counts = { moved: 0, lastMovedAt: 0, disturbed: 0, missed: 0 };
page.addEventListener('signalr:moved', () => {
  counts.moved += 1;
  counts.lastMovedAt = Date.now();
});
page.addEventListener('signalr:reconnecting', () => (counts.disturbed += 1));
page.addEventListener('signalr:eventsMissed', () => (counts.missed += 1));

/** Keeps one log-in and never renews it. */
function tokensOf(token) {
  return new TokenStore(`${base}/api`, {
    storage: { getItem: () => token, setItem: () => undefined, removeItem: () => undefined },
    fetch: here.fetch,
    nowSeconds: () => Date.now() / 1000,
    exclusively: (work) => work(),
  });
}

const people = readFileSync(file, 'utf8').trim().split('\n').map((line) => line.split(' '));
const clients = people.map(([userId, token]) => {
  const client = new MesChainSignalRClient(userId, 'service', {
    hub: 'MesChainMarketplaceHub',
    api: `${base}/api`,
    tokens: tokensOf(token),
    autoStart: false,
  });
  const seen = { client, ids: new Set(), doubles: 0, last: 0, silence: 0 };
  client.on('orderNotification', (order) => {
    if (!order.eventId.startsWith(prefix)) return; // the demo shop's own buyers
    const now = performance.now();
    if (seen.ids.has(order.eventId)) seen.doubles += 1;
    seen.ids.add(order.eventId);
    if (seen.last > 0) seen.silence = Math.max(seen.silence, now - seen.last);
    seen.last = now;
  });
  return seen;
});
const waiting = [...clients];
await Promise.all(
  Array.from({ length: START_AT_ONCE }, async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await next.client.start();
  }),
);

const say = (content, then) => process.stdout.write(`${JSON.stringify(content)}\n`, then);
say({ connected: clients.filter((each) => each.client.isConnected()).length });
for await (const command of createInterface({ input: process.stdin })) {
  const sizes = clients.map((each) => each.ids.size);
  if (command === 'state') say({ ...counts, least: Math.min(...sizes), most: Math.max(...sizes) });
  if (command === 'end') {
    const end = {
      ...counts,
      least: Math.min(...sizes),
      most: Math.max(...sizes),
      doubles: clients.reduce((sum, each) => sum + each.doubles, 0),
      silences: clients.map((each) => Math.round(each.silence)),
      opened,
    };
    say(end, () => process.exit(0)); // not before: a pipe takes 64 KB at once
  }
}

// Runs the scenarios in Node. `node node.js --list` prints the cases as JSON; with an address it runs them and prints
// their results as JSON:  node node.js --url http://127.0.0.1:5000 --secure-url https://127.0.0.1:5001 [case id…]
import { parseArgs } from 'node:util';
import WebSocket from 'ws';
import { CLIENTS, casesOf } from './scenarios/cases.js';
import { run } from './scenarios/run.js';

// Node's own fetch keeps what went wrong to itself; the clients tell the text alone.
const send = globalThis.fetch;
globalThis.fetch = (...request) =>
  send(...request).catch((error) => {
    if (error.cause) error.message += `: ${error.cause.code ?? ''} ${error.cause.message}`;
    throw error;
  });

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'string' },
    url: { type: 'string' },
    'secure-url': { type: 'string' },
    'at-once': { type: 'string', default: '12' },
    seconds: { type: 'string', default: '20' },
  },
});

if (values.list) {
  console.log(JSON.stringify(casesOf(values.list)));
} else {
  const clients = {};
  for (const name of CLIENTS) clients[name] = await import(`./clients/${name}/index.js`);
  const runtime = {
    name: 'node',
    url: values.url,
    secureUrl: values['secure-url'],
    client: (name) => clients[name],
    WebSocket,
  };
  const cases = casesOf('node').filter((each) => !positionals.length || positionals.includes(each.id));
  const limits = { atOnce: Number(values['at-once']), seconds: Number(values.seconds) };
  const results = await run(cases, runtime, limits);
  // A failed case may have left a socket open, so the end is said, once everything is written.
  process.stdout.write(JSON.stringify(results) + '\n', () => process.exit());
}

// Which cases there are: each row of the checklist with each client and combination that it is for.
import { rows } from './rows.js';

export const CLIENTS = ['signalr-10', 'signalr-8'];

/** Every case of a runtime, in the order of the checklist. */
export function casesOf(runtime) {
  const cases = [];
  for (const row of rows) {
    if (row.only && !row.only.includes(runtime)) continue;
    for (const { transport, protocol } of row.over) {
      for (const client of CLIENTS) {
        const id = [row.id, transport ?? 'any', protocol, client].join('-');
        cases.push({ id, row: row.id, title: row.title, transport, protocol, client });
      }
    }
  }
  return cases;
}

// The webhook inbox: what marketplaces sent, and replay of what was given up.

import '../styles/index.css';
import { connect } from '../live.ts';
import { InboxTable } from '../operations/inbox_list.ts';
import { openPage } from '../shell.ts';

const session = await openPage('inbox');
const client = connect(session);
const table = new InboxTable();
// What deliveries lead to is told by these.
client.on('orderNotification', () => table.reading.soon());
client.on('inventoryUpdate', () => table.reading.soon());
await table.reading.load();

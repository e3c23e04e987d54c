// The audit trail.

import '../styles/index.css';
import { connect } from '../live.ts';
import { AuditTable } from '../operations/audit.ts';
import { openPage } from '../shell.ts';

const session = await openPage('audit');
const table = new AuditTable();
connect(session).on('userActivityUpdate', () => table.happened());
await table.reading.load();

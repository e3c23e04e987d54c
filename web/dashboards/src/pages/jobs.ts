// The sync jobs of the marketplaces that the session may sync.

import '../styles/index.css';
import { connect } from '../live.ts';
import { SyncJobs } from '../operations/jobs.ts';
import { openPage } from '../shell.ts';

const session = await openPage('jobs', [
  { id: 'jobs', text: 'jobs.running' },
  { id: 'history', text: 'jobs.history' },
  { id: 'schedules', text: 'jobs.schedules' },
]);
const jobs = new SyncJobs(session);
connect(session).on('marketplaceSyncUpdate', (update) => jobs.receive(update));
await jobs.reading.load();

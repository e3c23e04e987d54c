// The book of alerts and the rules that watch.

import '../styles/index.css';
import { connect } from '../live.ts';
import { AlertBoard } from '../operations/alerts.ts';
import { openPage } from '../shell.ts';

const session = await openPage('alerts', [
  { id: 'alerts', text: 'alerts.open' },
  { id: 'rules', text: 'alerts.rules' },
  { id: 'over', text: 'alerts.over' },
]);
const board = new AlertBoard();
// It comes again with the same id when what became of it changes.
connect(session).on('systemAlert', () => board.reading.soon());
await board.reading.load();

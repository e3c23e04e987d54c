// Who is online, as they come and go.

import '../styles/index.css';
import { text } from '@meschain/client';
import { connect } from '../live.ts';
import { PeopleBoard } from '../operations/people.ts';
import { openPage } from '../shell.ts';

const session = await openPage('people');
const board = new PeopleBoard();
connect(session).on('userActivityUpdate', ({ kind }) => {
  if (['connected', 'disconnected'].includes(text(kind))) board.reading.soon();
});
await board.reading.load();

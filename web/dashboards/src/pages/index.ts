// The address without a page: to the page of the session's role, or to the log-in.

import '../styles/index.css';
import { homeOf, LOGIN_PATH, loadSession } from '../session.ts';

const session = await loadSession().catch(() => null);
location.replace(session === null ? LOGIN_PATH : homeOf(session));

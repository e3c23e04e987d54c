// The address without a page: to the page of the session's role, or to the log-in.

import '../styles/index.css';
import { translate } from '../i18n.ts';
import { homeOf, LOGIN_PATH, loadSession } from '../session.ts';

translate(document);
const session = await loadSession().catch(() => null);
location.replace(session === null ? LOGIN_PATH : homeOf(session));

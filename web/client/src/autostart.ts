// Starts a client from the page's two meta tags, for administrators, as older pages expect.

import { type ClientOptions, MesChainSignalRClient } from './client.ts';

function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content.trim() ?? '';
}

/** A client for the user that `<meta name="user-id">` and `<meta name="user-role">` name; null unless an administrator. */
export function autoStart(options: ClientOptions = {}): MesChainSignalRClient | null {
  const userId = meta('user-id');
  const userRole = meta('user-role');
  if (userId === '' || (userRole !== 'super_admin' && userRole !== 'admin')) return null;
  return new MesChainSignalRClient(userId, userRole, options);
}

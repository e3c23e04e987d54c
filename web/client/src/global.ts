// Entry of /assets/meschain-signalr.js. `window.MesChainSignalR` is the class itself and carries the other names, so both
// `new MesChainSignalR(id, role)` and `new MesChainSignalR.MesChainSignalRClient(id, role)` work.

import * as client from './index.ts';

const MesChainSignalR = Object.assign(client.MesChainSignalRClient, {
  MesChainSignalRClient: client.MesChainSignalRClient,
  TokenStore: client.TokenStore,
  autoStart: client.autoStart,
  retryDelayMs: client.retryDelayMs,
});

declare global {
  interface Window {
    MesChainSignalR?: typeof MesChainSignalR;
    /** The client that the meta tags started. */
    meschainClient?: client.MesChainSignalRClient;
  }
}

window.MesChainSignalR = MesChainSignalR;

function startFromMetaTags(): void {
  const started = client.autoStart();
  if (started !== null) window.meschainClient = started;
}

if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', startFromMetaTags);
else startFromMetaTags();

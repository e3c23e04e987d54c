// Entry of /assets/websocket-client.js: the globals of the old script, which began by itself.

import { addIndicators, MeschainWebSocketClient } from './panel.ts';

function begin(): void {
  addIndicators();
  window.webSocketClient = new MeschainWebSocketClient();
}

window.MeschainWebSocketClient = MeschainWebSocketClient;
if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', begin);
else begin();

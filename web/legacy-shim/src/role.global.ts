// Entry of /assets/meschain-websocket.js: the globals of the old script.

import { initMesChainWebSocket, MesChainWebSocket } from './role.ts';

window.MesChainWebSocket = MesChainWebSocket;
window.initMesChainWebSocket = initMesChainWebSocket;

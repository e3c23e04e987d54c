export { autoStart } from './autostart.ts';
export { type Ask, CatchUp, type Deliver } from './catch-up.ts';
export { type ClientOptions, MesChainSignalRClient } from './client.ts';
export type { HubLink, LinkFactory, LinkOptions } from './connection.ts';
export { domEventOf, type HubEvents, type HubTarget, type Loose, type SignalREvents } from './events.ts';
export { hasNoSource, isNewAlert, number, record, text } from './fields.ts';
export * as gemini from './gemini.ts';
export { FIRST_CONNECT_ATTEMPTS, firstConnectDelayMs, retryDelayMs } from './retry.ts';
export { expiryOf, LoggedOut, TOKEN_KEY, type TokenEnvironment, TokenStore } from './tokens.ts';

// This version of the official client for Node; its packages lie beside this file or above it.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const signalr = require('@microsoft/signalr');
export const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');

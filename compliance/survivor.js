// One client that lives through failures. Each line on stdin is a call for it, as JSON: {"target": …, "arguments": […]}.
// Whatever happens to it is a JSON line on stdout: [event, value].
import { createInterface } from 'node:readline';
import { signalr } from './clients/signalr-10/index.js';

const [, , url, token, transport] = process.argv;
const say = (event, value = null) => process.stdout.write(JSON.stringify([event, value]) + '\n');

const connection = new signalr.HubConnectionBuilder()
  .withUrl(url, { transport: signalr.HttpTransportType[transport], accessTokenFactory: () => token })
  .withAutomaticReconnect({ nextRetryDelayInMilliseconds: () => 250 })
  .configureLogging(signalr.LogLevel.None)
  .build();
connection.on('Item', (item) => say('item', item));
connection.onreconnecting((error) => say('reconnecting', error?.message));
connection.onreconnected((id) => say('reconnected', id));
connection.onclose((error) => say('closed', error?.message));
await connection.start();
say('connected', connection.connectionId);

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  try {
    say('result', await connection.invoke(call.target, ...call.arguments));
  } catch (error) {
    say('failed', error.message);
  }
}
await connection.stop();
process.exit();

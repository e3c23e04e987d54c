// The checklist as a table: which scenario shows a row, and over which transports and protocols. Rows 01 to 36 are the
// checklist's; those with a letter go beyond it. `only` names the runtime of a row that the other cannot run; the reason
// stands in exclusions.toml, and a test holds the two together.
import * as connection from './connection.js';
import * as hub from './hub.js';
import * as more from './more.js';

const over = (protocol, ...transports) => transports.map((transport) => ({ transport, protocol }));
const TRANSPORTS = over('json', 'WebSockets', 'ServerSentEvents', 'LongPolling');
/** Server-sent events carry text only. */
const ALL = [...TRANSPORTS, ...over('messagepack', 'WebSockets', 'LongPolling')];
/** The client chooses. */
const ANY = over('json', null);
const WEBSOCKETS = over('json', 'WebSockets');

export const rows = [
  { id: '01', title: 'invoke echoes non-ASCII text', over: ALL, run: hub.echo },
  { id: '02', title: 'the same over HTTPS and WSS', over: ALL, run: hub.echoOverTls },
  { id: '03', title: 'send and stop', over: ALL, run: hub.sendThenStop },
  { id: '04', title: 'an object comes back with its names', over: ALL, run: hub.objectComesBack },
  { id: '05', title: 'stream', over: ALL, run: hub.stream },
  { id: '06', title: 'cancel an endless stream', over: ALL, run: hub.cancelStream },
  { id: '07', title: 'a method raises', over: ALL, run: hub.exceptionIsRethrown },
  { id: '08', title: 'invoke of a streaming method', over: ALL, run: hub.invokeOfStreamingMethod },
  { id: '09', title: 'a streaming method raises at the call', over: ALL, run: hub.streamThrowsAtTheCall },
  { id: '10', title: 'stream of a plain method', over: ALL, run: hub.streamOfPlainMethod },
  { id: '11', title: 'a handler registered in another case', over: ALL, run: hub.handlerInAnotherCase },
  { id: '12', title: 'start, stop and start again', over: ALL, run: hub.startAgain },
  { id: '13', title: 'every type there and back', over: ALL, run: hub.echoOfEveryType },
  { id: '14', title: 'every type from the server', over: ALL, run: hub.everyTypeFromTheServer },
  { id: '15', title: 'upload', over: ALL, run: hub.upload },
  { id: '16', title: 'an upload ends with an error', over: ALL, run: hub.uploadEndsWithAnError },
  { id: '17', title: 'the server asks a client', over: ALL, run: hub.clientResult },
  { id: '18', title: "the asked client's handler throws", over: ALL, run: hub.clientResultThrows },
  { id: '19', title: 'the asked client has no handler', over: ALL, run: hub.clientHasNoHandler },
  { id: '20', title: 'token from a factory', over: TRANSPORTS, run: connection.token },
  { id: '21', title: 'no token', over: TRANSPORTS, run: connection.noToken },
  {
    id: '22',
    title: 'the client gives the server up',
    over: over('json', 'WebSockets', 'ServerSentEvents'),
    run: connection.silentServer,
  },
  { id: '23', title: 'cookies of negotiate come back', over: TRANSPORTS, run: connection.cookies },
  { id: '24', title: 'automatic reconnect', over: TRANSPORTS, run: connection.reconnect },
  { id: '25', title: 'negotiate redirects', over: ANY, run: connection.redirect },
  { id: '26', title: 'without negotiate', over: WEBSOCKETS, run: connection.skipNegotiation },
  { id: '27', title: "the client's id is the hub's", over: ANY, run: connection.connectionId },
  { id: '28', title: 'JSON without WebSockets', over: ANY, run: connection.choosesServerSentEvents },
  {
    id: '29',
    title: 'MessagePack without WebSockets',
    over: over('messagepack', null),
    run: connection.choosesLongPolling,
  },
  { id: '30', title: 'long polling stops', over: over('json', 'LongPolling'), run: connection.longPollingStops },
  { id: '31', title: 'headers reach the hub', over: TRANSPORTS, run: connection.headers },
  { id: '32', title: 'raw echo', over: [...TRANSPORTS, ...ANY], run: connection.raw },
  { id: '33', title: 'raw echo behind a 307', over: ANY, run: connection.rawBehindRedirect },
  { id: '34', title: 'negotiate answers 400', over: ANY, run: connection.badNegotiate },
  { id: '35', title: 'a bare WebSocket', over: WEBSOCKETS, run: connection.rawWebSocket },
  {
    id: '36',
    title: 'CORS without credentials',
    over: TRANSPORTS,
    only: ['chromium'],
    run: connection.withoutCredentials,
  },
  { id: 'A', title: 'groups, users and ids between clients', over: ALL, run: more.messagesBetweenClients },
  { id: 'B', title: 'a redirect that carries a token', over: TRANSPORTS, run: more.redirectWithToken },
  { id: 'C', title: 'redirects without end', over: ANY, run: more.redirectWithoutEnd },
  { id: 'D', title: 'the path in another case, with a query', over: TRANSPORTS, run: more.pathInAnotherCase },
  { id: 'E', title: 'the hub aborts the connection', over: ALL, run: more.abortByTheHub },
  { id: 'F', title: 'a message over the limit', over: ALL, run: more.messageOverTheLimit },
  {
    id: 'G',
    title: 'WebSockets fail',
    over: [...ANY, ...over('messagepack', null)],
    run: more.webSocketsFail,
  },
  { id: 'H', title: 'the hub raises at connect', over: ALL, run: more.connectedRaises },
  { id: 'I', title: 'many calls and large results', over: ALL, run: more.manyAndLarge },
  { id: 'J', title: 'several uploads at once', over: ALL, run: more.severalUploads },
  { id: 'K', title: 'cancel a flood', over: ALL, run: more.cancelAFlood },
  { id: 'L', title: 'every other failure of a call', over: ALL, run: more.otherFailures },
  { id: 'M', title: 'the hub asks its caller', over: ALL, run: more.askedWithinACall },
  { id: 'N', title: 'stop with calls under way', over: ALL, run: more.stopWithWorkUnderWay },
  {
    id: 'O',
    title: 'stateful reconnect',
    over: [...WEBSOCKETS, ...over('messagepack', 'WebSockets')],
    only: ['node'], // no browser lets a page lose a WebSocket without its close frame
    run: more.statefulReconnect,
  },
];

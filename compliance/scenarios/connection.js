// Rows 20 to 36: how connections are made, kept and ended.
import { contains, different, equal, isTrue, rejection } from './expect.js';

export async function token(t) {
  const given = await t.token();
  for (const accessTokenFactory of [() => given, () => t.token()]) {
    const connection = await t.connected('/authorizedhub', { accessTokenFactory });
    equal(await connection.invoke('Echo', 'hello'), 'hello');
    equal(await connection.invoke('GetUserId'), 'testuser');
    await t.stop(connection);
  }
}

export async function noToken(t) {
  equal(
    await rejection(t.connection('/authorizedhub').start(), 'start'),
    "Failed to complete negotiation with the server: Error: Unauthorized: Status code '401'",
  );
}

export async function silentServer(t) {
  const connection = await t.connected();
  const id = connection.connectionId;
  const closed = t.closed(connection);
  connection.serverTimeoutInMilliseconds = 1;
  // A call whose answer makes the client look at its new time-out; whether it is answered before that is a race.
  await connection.invoke('Echo', '').catch(() => {});
  equal((await closed)?.message, 'Server timeout elapsed without receiving a message from the server.');
  await t.until(id, 'disconnected');
}

export async function cookies(t) {
  const connection = await t.connected(`${t.runtime.secureUrl}/testhub`);
  equal(await connection.invoke('GetCookie', 'testCookie'), 'testValue');
  equal(await connection.invoke('GetCookie', 'testCookie2'), 'testValue2');
  equal(await connection.invoke('GetCookie', 'expiredCookie'), null);
  await connection.stop();
}

export async function reconnect(t) {
  const connection = await t.connected('/testhub', {}, (builder) => builder.withAutomaticReconnect());
  const first = connection.connectionId;
  const second = await t.reconnected(connection);
  different(second, first, 'connection id');
  equal(connection.connectionId, second);
  equal(await connection.invoke('Echo', 'test'), 'test');
  await t.until(first, 'disconnected');
  await t.stop(connection);
}

export async function redirect(t) {
  const connection = await t.connected('/redirect?numRedirects=0', {}, (builder) => builder.withAutomaticReconnect());
  const before = await connection.invoke('GetNumRedirects');
  isTrue(before >= 1, `the hub saw the query of the redirect: ${before}`);
  equal(await connection.invoke('GetCallerConnectionId'), connection.connectionId);
  const id = await t.reconnected(connection);
  equal(await connection.invoke('GetCallerConnectionId'), id);
  isTrue((await connection.invoke('GetNumRedirects')) > before, 'the redirecting endpoint was asked again');
  await t.stop(connection);
}

export async function skipNegotiation(t) {
  const connection = t.connection('/testhub', { skipNegotiation: true }, (builder) => builder.withAutomaticReconnect());
  equal(connection.connectionId, null, 'id before start');
  await connection.start();
  equal(connection.connectionId, null, 'id after start');
  const first = await connection.invoke('GetCallerConnectionId');
  equal(await t.reconnected(connection), undefined, 'id after reconnect');
  equal(await connection.invoke('Echo', 'test'), 'test');
  different(await connection.invoke('GetCallerConnectionId'), first, 'connection id at the server');
  await t.stop(connection);
  equal(connection.connectionId, null, 'id after stop');
}

export async function connectionId(t) {
  const connection = t.connection('/testhub', {}, (builder) => builder.withAutomaticReconnect());
  equal(connection.connectionId, null, 'id before start');
  await connection.start();
  equal(await connection.invoke('GetCallerConnectionId'), connection.connectionId);
  const id = await t.reconnected(connection);
  equal(await connection.invoke('GetCallerConnectionId'), id);
  await t.stop(connection);
  equal(connection.connectionId, null, 'id after stop');
}

async function chosenTransport(t, expected) {
  const connection = await t.connected('/testhub-nowebsockets');
  equal(await connection.invoke('GetActiveTransportName'), expected);
  await t.stop(connection);
}

export const choosesServerSentEvents = (t) => chosenTransport(t, 'ServerSentEvents');
export const choosesLongPolling = (t) => chosenTransport(t, 'LongPolling');

export async function longPollingStops(t) {
  const { AbortError, DefaultHttpClient, HttpClient, NullLogger } = t.signalr;
  const requests = [];
  class Watching extends HttpClient {
    constructor() {
      super();
      this.inner = new DefaultHttpClient(NullLogger.instance);
    }
    send(request) {
      const answer = this.inner.send(request);
      requests.push({ method: request.method, answer });
      return answer;
    }
    getCookieString(url) {
      return this.inner.getCookieString(url);
    }
  }
  const connection = await t.connected('/testhub', { httpClient: new Watching() });
  equal(await connection.invoke('Echo', 'x'), 'x');
  await t.stop(connection);
  const deletes = requests.filter((each) => each.method === 'DELETE');
  equal(deletes.length, 1, 'DELETE requests');
  equal((await deletes[0].answer).statusCode, 202);
  const poll = requests.filter((each) => each.method === 'GET').at(-1);
  const outcome = await poll.answer.catch((error) => error);
  isTrue(outcome instanceof AbortError || outcome.statusCode === 204, `the last poll ended with ${outcome}`);
}

export async function headers(t) {
  const [major, minor] = t.version.split('.');
  const own = `Microsoft SignalR/${major}.${minor} (${t.version}; `;
  const isNode = t.runtime.name === 'node';
  // A browser lets no page set headers of a WebSocket or an EventSource.
  const isSent = isNode || t.transport === 'LongPolling';

  const plain = await t.connected();
  const agent = await plain.invoke('GetHeader', isNode ? 'User-Agent' : 'X-SignalR-User-Agent');
  if (isSent) contains(agent, own, 'user agent');
  else equal(agent, null, 'user agent');
  await t.stop(plain);

  const custom = isNode ? { 'User-Agent': 'Custom Agent', 'X-HEADER': 'VALUE' } : { 'X-HEADER': 'VALUE' };
  const connection = await t.connected('/testhub', { headers: custom });
  equal(await connection.invoke('GetHeader', 'X-HEADER'), isSent ? 'VALUE' : null);
  if (isNode) equal(await connection.invoke('GetHeader', 'User-Agent'), 'Custom Agent');
  await t.stop(connection);
}

/** The part of the client below hub connections; it is not exported, but each hub connection has one. */
async function rawEcho(t, path, options) {
  const connection = t.connection(path, options).connection;
  const received = new Promise((resolve) => (connection.onreceive = resolve));
  const closed = new Promise((resolve) => (connection.onclose = resolve));
  await connection.start(t.signalr.TransferFormat.Text);
  await connection.send('Hello World!');
  equal(await received, 'Hello World!');
  await connection.stop();
  equal(await closed, undefined, 'error at close');
}

export const raw = (t) => rawEcho(t, '/echo');

export function rawBehindRedirect(t) {
  const { WebSockets, LongPolling } = t.signalr.HttpTransportType;
  return rawEcho(t, '/echoredirect', { transport: WebSockets | LongPolling });
}

export async function badNegotiate(t) {
  contains(await rejection(t.connection('/bad-negotiate').start(), 'start'), 'Some response from server');
}

export async function rawWebSocket(t) {
  const socket = new t.runtime.WebSocket(t.runtime.url.replace(/^http/, 'ws') + '/echo');
  const closed = new Promise((resolve) => (socket.onclose = resolve));
  const received = new Promise((resolve, reject) => {
    socket.onmessage = resolve;
    socket.onerror = () => reject(new Error('the WebSocket failed'));
  });
  socket.onopen = () => socket.send('message');
  equal((await received).data, 'message');
  socket.close();
  const { code, wasClean } = await closed;
  equal({ code, wasClean }, { code: 1000, wasClean: true });
}

export async function withoutCredentials(t) {
  const connection = await t.connected('/testhub', { withCredentials: false });
  equal(await connection.invoke('Echo', 'x'), 'x');
  if (t.transport !== 'WebSockets') equal(await connection.invoke('GetCookie', 'testCookie'), null);
  await t.stop(connection);
}

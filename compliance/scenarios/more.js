// Rows beyond the checklist: what else applications do with the official client.
import { contains, different, equal, isTrue, rejection } from './expect.js';

const MESSAGE = 'Günaydın!';

export async function messagesBetweenClients(t) {
  const group = `group ${Math.random()}`;
  const user = `user ${Math.random()}`;
  const token = await t.token(encodeURIComponent(user));
  const other = t.with({
    protocol: t.isBinary ? 'json' : 'messagepack',
    transport: 'WebSockets',
    isBinary: !t.isBinary,
  });
  const ann = await t.connected('/testhub', { accessTokenFactory: () => token });
  const bob = await other.connected();
  const heard = { ann: [], bob: [] };
  ann.on('Hear', (value) => heard.ann.push(value));
  bob.on('Hear', (value) => heard.bob.push(value));
  await ann.invoke('AddToGroup', group);
  await bob.invoke('AddToGroup', group);

  await bob.invoke('SendToGroups', [group], 'Hear', 'both');
  await bob.invoke('SendToOthersInGroup', group, 'Hear', 'ann by group');
  await bob.invoke('SendToGroupExcept', group, [ann.connectionId], 'Hear', 'bob by exception');
  await bob.invoke('SendToUsers', [user], 'Hear', 'ann by user');
  await bob.invoke('SendToClients', [ann.connectionId, 'nobody'], 'Hear', 'ann by id');
  await bob.invoke('RemoveFromGroup', group);
  await bob.invoke('SendToGroups', [group, 'empty'], 'Hear', 'ann alone');
  // What one client sends arrives in that order; what two send need not, when different processes hold them.
  await bob.invoke('SendToClients', [ann.connectionId], 'Hear', 'end');
  await bob.invoke('SendToCaller', 'Hear', 'end');
  for (const [client, name] of [
    [ann, 'ann'],
    [bob, 'bob'],
  ]) {
    while (heard[name].at(-1) !== 'end') await new Promise((resolve) => client.on('Hear', resolve));
  }
  equal(heard.bob, ['both', 'bob by exception', 'end']);
  equal(heard.ann, ['both', 'ann by group', 'ann by user', 'ann by id', 'ann alone', 'end']);
  await t.stop(ann);
  await t.stop(bob);
}

export async function redirectWithToken(t) {
  const connection = await t.connected('/redirect?user=ann');
  equal(await connection.invoke('GetUserId'), 'ann');
  await t.stop(connection);
}

export async function redirectWithoutEnd(t) {
  equal(await rejection(t.connection('/redirect-forever').start(), 'start'), 'Negotiate redirection limit exceeded.');
}

export async function pathInAnotherCase(t) {
  const connection = await t.connected('/TestHub/?who=ann');
  equal(await connection.invoke('GetQuery', 'who'), 'ann');
  await t.stop(connection);
}

export async function abortByTheHub(t) {
  const connection = await t.connected('/testhub', {}, (builder) => builder.withAutomaticReconnect());
  const closed = t.closed(connection);
  await connection.invoke('Abort').catch(() => {});
  equal(await closed, undefined, 'error at close');
}

export async function messageOverTheLimit(t) {
  const connection = await t.connected('/testhub', {}, (builder) => builder.withAutomaticReconnect());
  const first = connection.connectionId;
  const reconnected = new Promise((resolve) => connection.onreconnected(resolve));
  const text = 'Server returned an error on close: Connection closed with an error. InvalidDataException: The maximum';
  const message = await rejection(connection.invoke('Echo', 'x'.repeat(40_000)));
  // A POST whose rest finds its connection ended is answered with 404; then the client may hear that first.
  if (t.transport === 'WebSockets' || message !== "Not Found: Status code '404'") contains(message, text);
  different(await reconnected, first, 'connection id');
  equal(await connection.invoke('Echo', 'x'.repeat(30_000)), 'x'.repeat(30_000));
  await t.stop(connection);
}

export async function webSocketsFail(t) {
  class Broken {
    constructor() {
      throw new Error('no WebSockets today');
    }
  }
  const connection = await t.connected('/testhub', { WebSocket: Broken });
  const expected = t.isBinary ? 'LongPolling' : 'ServerSentEvents';
  equal(await connection.invoke('GetActiveTransportName'), expected);
  equal(await connection.invoke('GetCallerConnectionId'), connection.connectionId);
  await t.stop(connection);
}

export async function connectedRaises(t) {
  const endings = {
    '/testhub?throwOnConnect=no': 'InvalidOperationException: no',
    '/testhub?hubErrorOnConnect=never': 'HubException: never',
    '/uncreatable': 'InvalidOperationException: This hub cannot be made.',
    '/testhub?askOnConnect=Result': 'Client results inside OnConnectedAsync Hub methods are not allowed.',
  };
  for (const [path, ending] of Object.entries(endings)) {
    const connection = t.connection(path);
    const closed = t.closed(connection);
    // The hub runs right behind the handshake, so it is a race whether the client calls itself started before, and
    // whether its first ping finds the connection gone. It logs what the server said in any case.
    await connection.start().then(
      () => closed,
      () => {},
    );
    const said = t.log.filter((line) => line.includes('Server returned an error on close: Connection closed with an'));
    isTrue(
      said.some((line) => line.includes(ending)),
      `${path} should have ended with '${ending}', not ${JSON.stringify(said)}`,
    );
  }
}

export async function manyAndLarge(t) {
  const connection = await t.connected();
  const received = [];
  const all = new Promise((resolve) => connection.on('Item', (item) => received.push(item) === 300 && resolve()));
  const calls = [];
  for (let number = 0; number < 300; number++) calls.push(connection.invoke('SendToCaller', 'Item', number));
  const large = connection.invoke('Large', 1_000_000);
  equal(await Promise.all(calls), Array(300).fill(null));
  await all;
  equal(
    received,
    Array.from({ length: 300 }, (_, number) => number),
    'order of calls',
  );
  equal((await large).length, 1_000_000);
  await t.stop(connection);
}

export async function severalUploads(t) {
  const connection = await t.connected();
  const [first, second, other] = [new t.signalr.Subject(), new t.signalr.Subject(), new t.signalr.Subject()];
  const joined = connection.invoke('StreamingJoin', first, '-', second);
  const echoed = t.collect(connection.stream('StreamEcho', other));
  for (const part of ['a', 'b', 'c']) {
    first.next(part);
    other.next(part);
    second.next(part.toUpperCase());
  }
  for (const subject of [second, other, first]) subject.complete();
  equal(await joined, 'abc-ABC');
  equal(await echoed, ['a', 'b', 'c']);
  await t.stop(connection);
}

export async function cancelAFlood(t) {
  const connection = await t.connected();
  let count = 0;
  await new Promise((resolve, reject) => {
    const subscription = connection.stream('Flood', 100).subscribe({
      next: () => ++count === 50 && resolve(subscription.dispose()),
      complete: () => reject(new Error('the flood ended')),
      error: reject,
    });
  });
  equal(await connection.invoke('Echo', MESSAGE), MESSAGE);
  await t.stop(connection);
}

export async function otherFailures(t) {
  const connection = await t.connected();
  const invoking = async (...call) => rejection(connection.invoke(...call));
  equal(
    await invoking('ThrowHubException', 'for you'),
    "An unexpected error occurred invoking 'ThrowHubException' on the server. HubException: for you",
  );
  equal(
    await invoking('NoSuchMethod'),
    "Failed to invoke 'NoSuchMethod' due to an error on the server. HubException: Method does not exist.",
  );
  equal(
    await invoking('Echo', 1, 2),
    "Failed to invoke 'Echo' due to an error on the server. InvalidDataException: Invocation provides 2 argument(s) " +
      'but target expects 1.',
  );
  contains(
    await invoking('Add', 'one', 2),
    "Failed to invoke 'Add' due to an error on the server. InvalidDataException: Error binding arguments.",
  );
  const later = await t.collect(connection.stream('StreamThrowsLater', 'now')).catch((error) => error);
  equal(later.message, 'An error occurred on the server while streaming results. InvalidOperationException: now');
  equal(later.items, [1]);
  equal(await connection.invoke('eChO', MESSAGE), MESSAGE, 'method names in any case');
  equal(await connection.invoke('VoidMethod'), null, 'result of a method without one');
  await t.stop(connection);
}

export async function askedWithinACall(t) {
  const connection = await t.connected();
  connection.on('Sum', async (first, second) => first + second);
  equal(await connection.invoke('AskCaller', 'Sum', [40, 2]), 42);
  connection.on('Broken', () => {
    throw new Error('from callback');
  });
  contains(await rejection(connection.invoke('AskCaller', 'Broken', [])), 'HubException: Error: from callback');
  await t.stop(connection);
}

export async function stopWithWorkUnderWay(t) {
  const connection = await t.connected();
  const id = connection.connectionId;
  const held = rejection(connection.invoke('Hold', id));
  const streamed = t.collect(connection.stream('InfiniteStream')).catch((error) => error.message);
  await t.until(id, 'streaming');
  await connection.stop();
  const text = 'Invocation canceled due to the underlying connection being closed.';
  equal(await held, text);
  equal(await streamed, text);
  await t.until(id, 'stream ended');
  await t.until(id, 'disconnected');
}

export async function statefulReconnect(t) {
  const connection = await t.connected('/testhub', {}, (builder) => builder.withStatefulReconnect());
  const sender = await t.connected();
  const id = connection.connectionId;
  const count = 60;
  const received = [];
  const events = [];
  // Of several processes the sender's may have passed the last one on when the receiver's answers the next call.
  const complete = new Promise((resolve) => {
    connection.on('Item', (item) => received.push(item) === count && resolve());
  });
  connection.onreconnecting(() => events.push('reconnecting'));
  connection.onclose((error) => events.push(`closed ${error}`));

  for (let number = 0; number < count; number++) {
    // Now and then the socket is lost without a word, as when a network changes.
    if (number % 20 === 10) connection.connection.transport._webSocket.terminate();
    await sender.invoke('SendToClients', [id], 'Item', number);
    if (number % 5 === 0) equal(await connection.invoke('Echo', number), number);
  }
  equal(await connection.invoke('GetCallerConnectionId'), id);
  await complete;
  equal(
    received,
    Array.from({ length: count }, (_, number) => number),
    'each message once, in order',
  );
  equal(events, [], 'nothing that the application saw');
  equal(await t.page(`/events/${id}`), ['connected'], 'nothing that the hub saw');
  isTrue(connection.connection.features.reconnect, 'stateful reconnect was negotiated');
  await t.stop(connection);
  await t.stop(sender);
}

// Rows 1 to 19: what a hub connection can do, the same over every transport and protocol.
import { equal, rejection } from './expect.js';

const MESSAGE = '你好，世界！';
const THROWN = 'An error occurred.';
const GUID = '00010203-0405-0607-0706-050403020100';

export async function echo(t) {
  const connection = await t.connected();
  equal(await connection.invoke('Echo', MESSAGE), MESSAGE);
  await t.stop(connection);
}

export async function echoOverTls(t) {
  const connection = await t.connected(`${t.runtime.secureUrl}/testhub`);
  equal(await connection.invoke('Echo', MESSAGE), MESSAGE);
  const closed = t.closed(connection);
  await connection.stop();
  equal(await closed, undefined, 'error at close');
}

export async function sendThenStop(t) {
  const connection = await t.connected();
  await connection.send('Echo', MESSAGE);
  await t.stop(connection);
}

export async function objectComesBack(t) {
  const connection = await t.connected();
  const received = t.received(connection, 'CustomObject');
  await connection.send('SendCustomObject', { Name: 'test', Value: 42 });
  equal(await received, [{ Name: 'test', Value: 42 }]);
  await t.stop(connection);
}

export async function stream(t) {
  const connection = await t.connected();
  equal(await t.collect(connection.stream('Stream')), ['a', 'b', 'c']);
  await t.stop(connection);
}

export async function cancelStream(t) {
  const connection = await t.connected();
  const canceled = t.received(connection, 'StreamCanceled');
  const errors = [];
  const subscription = connection
    .stream('InfiniteStream')
    .subscribe({ next: (item) => errors.push(item), complete: () => {}, error: (error) => errors.push(error.message) });
  subscription.dispose();
  await canceled;
  equal(errors, [], 'items and errors of the cancelled stream');
  equal(await connection.invoke('Echo', MESSAGE), MESSAGE);
  await t.stop(connection);
}

export async function exceptionIsRethrown(t) {
  const connection = await t.connected();
  equal(
    await rejection(connection.invoke('ThrowException', THROWN)),
    `An unexpected error occurred invoking 'ThrowException' on the server. InvalidOperationException: ${THROWN}`,
  );
  await t.stop(connection);
}

export async function invokeOfStreamingMethod(t) {
  const connection = await t.connected();
  for (const target of ['EmptyStream', 'Stream']) {
    equal(
      await rejection(connection.invoke(target)),
      `The client attempted to invoke the streaming '${target}' method with a non-streaming invocation.`,
    );
  }
  await t.stop(connection);
}

async function streamFailure(connection, t, target, ...values) {
  let items = [];
  const stream = t.collect(connection.stream(target, ...values)).catch((error) => {
    items = error.items;
    throw error;
  });
  const message = await rejection(stream, target);
  equal(items, [], 'items before the error');
  return message;
}

export async function streamThrowsAtTheCall(t) {
  const connection = await t.connected();
  equal(
    await streamFailure(connection, t, 'StreamThrowException', THROWN),
    `An unexpected error occurred invoking 'StreamThrowException' on the server. InvalidOperationException: ${THROWN}`,
  );
  await t.stop(connection);
}

export async function streamOfPlainMethod(t) {
  const connection = await t.connected();
  equal(
    await streamFailure(connection, t, 'Echo', '42'),
    "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation.",
  );
  await t.stop(connection);
}

export async function handlerInAnotherCase(t) {
  const connection = await t.connected();
  const received = t.received(connection, 'mEssAge');
  await connection.invoke('InvokeWithString', MESSAGE);
  equal(await received, [MESSAGE]);
  await t.stop(connection);
}

export async function startAgain(t) {
  const connection = t.connection();
  const received = [];
  const errors = [];
  let onNextClose;
  connection.on('Message', (text) => received.push(text));
  connection.onclose((error) => {
    errors.push(error);
    onNextClose();
  });
  for (const text of ['first', 'second']) {
    const closed = new Promise((resolve) => (onNextClose = resolve));
    await connection.start();
    await connection.invoke('InvokeWithString', text);
    equal(await connection.invoke('Echo', text), text);
    await connection.stop();
    await closed;
  }
  equal(received, ['first', 'second'], 'calls of the handler');
  equal(errors, [undefined, undefined], 'errors at close');
}

export async function echoOfEveryType(t) {
  const connection = await t.connected();
  const value = {
    ByteArray: t.isBinary ? new Uint8Array([0x68, 0x65, 0x6c, 0x6c, 0x6f]) : 'aGVsbG8=',
    DateTime: t.isBinary ? new Date(Date.UTC(2002, 3, 1, 10, 20, 15)) : '2002-04-01T10:20:15Z',
    Guid: GUID,
    IntArray: [1, 2, 3, 255],
    String: 'Hello, World!',
  };
  equal(await connection.invoke('EchoComplexObject', value), value);
  equal(await connection.invoke('Echo', value), value, 'without conversion');
  await t.stop(connection);
}

export async function everyTypeFromTheServer(t) {
  const connection = await t.connected();
  equal(await connection.invoke('SendComplexObject'), {
    ByteArray: t.isBinary ? new Uint8Array([1, 2, 3]) : 'AQID',
    DateTime: t.isBinary ? new Date(Date.UTC(2000, 0, 1)) : '2000-01-01T00:00:00Z',
    Guid: GUID,
    IntArray: [1, 2, 3],
    String: 'hello world',
  });
  await t.stop(connection);
}

export async function upload(t) {
  const connection = await t.connected();
  const subject = new t.signalr.Subject();
  const result = connection.invoke('StreamingConcat', subject);
  for (const part of ['Hello ', 'world', '!']) subject.next(part);
  subject.complete();
  equal(await result, 'Hello world!');
  await t.stop(connection);
}

export async function uploadEndsWithAnError(t) {
  const connection = await t.connected();
  const subject = new t.signalr.Subject();
  const result = connection.invoke('StreamingConcat', subject);
  for (const part of ['Hello ', 'world', '!']) subject.next(part);
  subject.error(new Error('Something bad'));
  equal(
    await rejection(result),
    "An unexpected error occurred invoking 'StreamingConcat' on the server. HubException: Something bad",
  );
  await t.stop(connection);
}

/** Have the server ask this client, from outside of any hub method; twice, as the connection stays usable. */
async function ask(t, connection, expected) {
  for (let time = 0; time < 2; time++) equal(await t.page(`/clientresult/${connection.connectionId}`), expected);
  equal(await connection.invoke('Echo', MESSAGE), MESSAGE);
  await t.stop(connection);
}

export async function clientResult(t) {
  const connection = await t.connected();
  connection.on('Result', () => 10);
  await ask(t, connection, { result: 10 });
}

export async function clientResultThrows(t) {
  const connection = await t.connected();
  connection.on('Result', () => {
    throw new Error('from callback');
  });
  await ask(t, connection, { error: 'Error: from callback' });
}

export async function clientHasNoHandler(t) {
  await ask(t, await t.connected(), { error: "Client didn't provide a result." });
}

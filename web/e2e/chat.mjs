// Drives examples/chat with the official client, as one conversation. Prints RESTART when the server may be replaced
// under it and DONE at the end; any broken promise ends the process with an error.
import assert from 'node:assert/strict';
import { HttpTransportType, HubConnectionBuilder, LogLevel } from '@microsoft/signalr';

const url = process.argv[2];
const RETRIES = [0, ...Array(1000).fill(100)]; // for longer than a server may take to stop and to start

function build(options = {}) {
  return new HubConnectionBuilder()
    .withUrl(url, options)
    .withAutomaticReconnect(RETRIES)
    .configureLogging(LogLevel.Critical)
    .build();
}

/** Collects the messages of one client; `next` waits for one. */
function inbox(connection) {
  const received = [];
  const waiting = [];
  connection.on('receiveMessage', (user, text) => {
    const message = `${user}: ${text}`;
    const resolve = waiting.shift();
    if (resolve) resolve(message);
    else received.push(message);
  });
  return {
    received,
    next: () => (received.length ? Promise.resolve(received.shift()) : new Promise((resolve) => waiting.push(resolve))),
  };
}

const ann = build();
const bob = build();
const annInbox = inbox(ann);
const bobInbox = inbox(bob);
await ann.start();
await bob.start();
assert.match(ann.connectionId, /^[\w-]{22}$/);
assert.notEqual(ann.connectionId, bob.connectionId);

// A broadcast reaches both; a method without a result answers null.
assert.equal(await ann.invoke('SendMessage', 'ann', 'Günaydın!'), null);
assert.equal(await annInbox.next(), 'ann: Günaydın!');
assert.equal(await bobInbox.next(), 'ann: Günaydın!');

// A group message reaches its members alone; method names are found in any case.
await bob.invoke('joinRoom', 'kitchen');
assert.equal(await ann.invoke('SENDTOROOM', 'kitchen', 'ann', 'tea?'), 4);
assert.equal(await bobInbox.next(), 'ann: tea?');

// Calls that want no answer keep their order.
for (let number = 0; number < 50; number++) await bob.send('SendMessage', 'bob', String(number));
for (let number = 0; number < 50; number++) assert.equal(await annInbox.next(), `bob: ${number}`);
for (let number = 0; number < 50; number++) assert.equal(await bobInbox.next(), `bob: ${number}`);
assert.deepEqual(annInbox.received, []);

// Errors.
const failure = (promise) =>
  promise.then(
    () => assert.fail('should have failed'),
    (error) => error.message,
  );
assert.equal(
  await failure(ann.invoke('SendToRoom', 'kitchen', 'ann', '')),
  "An unexpected error occurred invoking 'SendToRoom' on the server. HubException: An empty message is not sent.",
);
assert.equal(
  await failure(ann.invoke('Shout', 'hey')),
  "Failed to invoke 'Shout' due to an error on the server. HubException: Method does not exist.",
);
assert.equal(await failure(ann.invoke('JoinRoom')), "Failed to invoke 'JoinRoom' due to an error on the server.");
assert.equal(
  await new Promise((resolve) => {
    ann.stream('JoinRoom', 'x').subscribe({ next() {}, complete() {}, error: (error) => resolve(error.message) });
  }),
  "The client attempted to invoke the non-streaming 'JoinRoom' method with a streaming invocation.",
);

// A message over the limit of 32 KiB ends the connection, and the client comes back.
const annBack = new Promise((resolve) => ann.onreconnected(resolve));
const firstId = ann.connectionId;
assert.match(await failure(ann.invoke('SendMessage', 'ann', 'x'.repeat(40_000))), /Connection closed with an error\./);
assert.notEqual(await annBack, firstId);
assert.equal(await ann.invoke('SendMessage', 'ann', 'back'), null);
assert.equal(await annInbox.next(), 'ann: back');
assert.equal(await bobInbox.next(), 'ann: back');

// Without negotiate.
const direct = build({ skipNegotiation: true, transport: HttpTransportType.WebSockets });
await direct.start();
assert.equal(await direct.invoke('SendToRoom', 'nobody', 'direct', 'hi'), 2);
await direct.stop();

// The server is replaced: everybody comes back with a new id, and without their groups.
const oldId = bob.connectionId;
const allBack = Promise.all([ann, bob].map((each) => new Promise((resolve) => each.onreconnected(resolve))));
console.log('RESTART');
const [, newId] = await allBack;
assert.notEqual(newId, oldId);
await ann.invoke('SendToRoom', 'kitchen', 'ann', 'nobody hears this');
await ann.invoke('SendMessage', 'ann', 'again');
assert.equal(await bobInbox.next(), 'ann: again');

// Stop is clean, and the same object starts again with its handlers.
for (let round = 0; round < 2; round++) {
  const closed = new Promise((resolve) => bob.onclose(resolve));
  await bob.stop();
  assert.equal(await closed, undefined);
  assert.equal(bob.connectionId, null);
  await bob.start();
  await bob.invoke('SendMessage', 'bob', 'here again');
  assert.equal(await bobInbox.next(), 'bob: here again');
}
await bob.stop();
await ann.stop();
console.log('DONE');

// Reads the vectors with the official codecs and prints where they see something else, as [file, name, what] in JSON.
// node official.js <folder of a client, for example ../clients/signalr-10>

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(resolve(process.argv[2], 'package.json'));
const { JsonHubProtocol, MessageType, NullLogger } = require('@microsoft/signalr');
const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');

const SEPARATOR = '\x1e';
const differences = [];

const numberOf = (type) => ({ Ack: 8, Sequence: 9 })[type] ?? MessageType[type];

const pieces = (value) => (typeof value === 'string' ? [[value, 1]] : value);
const text = (row) =>
  pieces(row.text)
    .map(([piece, times]) => piece.repeat(times))
    .join('');
const bytes = (row) =>
  Buffer.concat(
    pieces(row.hex).flatMap(([piece, times]) => Array(times).fill(Buffer.from(piece.replaceAll(' ', ''), 'hex'))),
  );
const hex = (data) => Buffer.from(data).toString('hex');
const holdsNotation = (value) => JSON.stringify(value).includes('"$');

// Beyond 2^53 JavaScript has floats only, and writes them.
const holdsLargeIntegers = (value) =>
  typeof value === 'number'
    ? Number.isInteger(value) && !Number.isSafeInteger(value)
    : value !== null && typeof value === 'object' && Object.values(value).some(holdsLargeIntegers);

// JSON has no large integers: those are compared as the floats that JavaScript makes of them anyway.
const plain = (value) => JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? Number(each) : each));

function compare(report, message, expected) {
  if (message.type !== numberOf(expected.type)) report(`type ${message.type}`);
  for (const name of ['invocationId', 'target', 'error', 'sequenceId']) {
    if ((message[name] ?? null) !== (expected[name] ?? null)) report(name);
  }
  if (Boolean(message.allowReconnect) !== Boolean(expected.allowReconnect)) report('allowReconnect');
  for (const name of ['arguments', 'item', 'result', 'headers']) {
    if (!(name in expected) || holdsNotation(expected[name])) continue;
    if (plain(message[name]) !== plain(expected[name])) report(name);
  }
}

function read(file, protocol, input) {
  const vectors = JSON.parse(readFileSync(new URL(`${file}.json`, import.meta.url)));
  for (const section of ['both', 'encode', 'decode', 'skipped']) {
    for (const row of vectors[section]) {
      const report = (what) => differences.push([file, row.name, what]);
      try {
        const messages = protocol.parseMessages(input(row), NullLogger.instance);
        if (section === 'skipped') continue; // what JavaScript makes of them is its own business, but no exception
        if (messages.length === 0) report('skipped');
        else compare(report, messages[0], row.message);
      } catch (error) {
        report(`throws ${error.message}`);
      }
    }
  }
  return vectors;
}

function write(file, row, written, expected) {
  if (written !== expected) differences.push([file, row.name, `writes ${written}`]);
}

const messagePack = new MessagePackHubProtocol();
const binary = read('messagepack', messagePack, (row) => {
  const data = bytes(row);
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
});
for (const row of binary.both) {
  if (holdsNotation(row.message) || holdsLargeIntegers(row.message)) continue;
  if (row.message.type === 'Close') continue; // the client's own has two elements
  const message = { streamIds: [], ...row.message, type: numberOf(row.message.type) };
  write('messagepack', row, hex(messagePack.writeMessage(message)), hex(bytes(row)));
}

const json = new JsonHubProtocol();
read('json', json, (row) => text(row) + SEPARATOR);

console.log(JSON.stringify(differences));

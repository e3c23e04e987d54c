// Node `ws` as its documentation shows it ("Server broadcast"). Usage: node ws.mjs PORT
// "B200" goes to everybody as a message of 200 bytes; anything else comes back.
import { createServer } from 'node:http';
import WebSocket, { WebSocketServer } from 'ws';

const FRAME = ['{"type":1,"target":"ReceiveMessage","arguments":["user-1234","', '"]}\x1e'];
const messageOf = (size) => FRAME[0] + 'm'.repeat(size - FRAME[0].length - FRAME[1].length) + FRAME[1];

const server = createServer();
const wss = new WebSocketServer({ server });

wss.on('connection', (socket) => {
  socket.on('error', () => {}); // a client that resets its connection
  socket.on('message', (data, isBinary) => {
    if (data[0] !== 0x42) {
      socket.send(data, { binary: isBinary });
      return;
    }
    const message = messageOf(Number(data.toString().slice(1)));
    wss.clients.forEach((client) => {
      if (client.readyState === WebSocket.OPEN) client.send(message);
    });
  });
});

server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });

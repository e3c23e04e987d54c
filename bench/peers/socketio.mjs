// Socket.IO as its documentation shows it: an HTTP server, events, rooms, acknowledgements. Usage: node socketio.mjs PORT
// Differs from the defaults in the backlog only, so that a wave of clients is not refused by the kernel.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const USER = 'user-1234';
const OVERHEAD = '42["ReceiveMessage","user-1234",""]'.length;
const textOf = (size) => 'm'.repeat(size - OVERHEAD);

const httpServer = createServer();
const io = new Server(httpServer);
const excluded = [];

io.on('connection', (socket) => {
  socket.on('echo', (value, acknowledge) => acknowledge(value));
  socket.on('broadcast', (size) => io.emit('ReceiveMessage', USER, textOf(size)));
  socket.on('join', (room, isExcluded, acknowledge) => {
    socket.join(room);
    if (isExcluded) excluded.push(socket.id);
    acknowledge(true);
  });
  socket.on('broadcastGroup', (room, size) => io.to(room).except(excluded).emit('ReceiveMessage', USER, textOf(size)));
});

httpServer.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });

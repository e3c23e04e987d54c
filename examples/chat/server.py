"""Shows a complete hub server: a chat with rooms, for any SignalR client. Run it and connect to /chat."""

import os

import hubwire


class ChatClient(hubwire.ClientContract):
    @hubwire.client_method("ReceiveMessage")
    async def receive_message(self, user: str, text: str) -> None: ...


class ChatHub(hubwire.Hub[ChatClient]):
    @hubwire.hub_method("SendMessage")
    async def send_message(self, user: str, text: str) -> None:
        await self.clients.all.receive_message(user, text)

    @hubwire.hub_method("JoinRoom")
    async def join_room(self, room: str) -> None:
        await self.groups.add(self.context.connection_id, room)

    @hubwire.hub_method("SendToRoom")
    async def send_to_room(self, room: str, user: str, text: str) -> int:
        if not text:
            raise hubwire.HubError("An empty message is not sent.")
        await self.clients.group(room).receive_message(user, text)
        return len(text)


server = hubwire.HubServer()
server.add(ChatHub, path="/chat")

if __name__ == "__main__":
    hubwire.run(server, port=int(os.environ.get("PORT", "8000")))

"""Azure SignalR Service's contracts: its tokens, its negotiate answer, its REST operations."""

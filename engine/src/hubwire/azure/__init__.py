"""Azure SignalR Service's contracts: its client tokens and its negotiate answer. Needs the extra `azure`."""

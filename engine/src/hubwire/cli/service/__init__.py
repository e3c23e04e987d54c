"""`hubwire service`: a self-hosted service that is compatible with Azure SignalR Service."""

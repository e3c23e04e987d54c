"""What several processes talk through: bytes by subject. `redis` needs the extra `hubwire[cluster]`."""

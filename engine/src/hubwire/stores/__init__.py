"""Where the engine keeps what has to outlive a restart. Adapters of ports; they know no messages and no HTTP."""

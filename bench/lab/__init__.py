"""The load lab: scenarios, who takes part in them, rounds, results."""

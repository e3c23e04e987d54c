"""What `changes.py` is made of: a shop, who changes it, who listens, and what the processes took."""

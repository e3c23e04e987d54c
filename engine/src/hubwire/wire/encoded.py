"""A message that is encoded once per codec and framed once, whatever the number of receivers."""

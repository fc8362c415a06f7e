"""A small made-up online shop: who its people are, what they do, how it is dumped."""

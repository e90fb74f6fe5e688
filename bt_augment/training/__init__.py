"""Training: aligned rows to pairs, hybrid batches, and a dense encoder trained on them."""

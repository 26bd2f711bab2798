"""Learning: rendering with masks, batches, and a supervised trainer. torch is imported when training starts, not before."""

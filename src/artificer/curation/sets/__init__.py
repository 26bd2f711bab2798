"""Sets of traces made of other sets: merged, split, sampled, without duplicates. Each says what became of every trace that went in."""

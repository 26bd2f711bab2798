"""The episode loop, and collect: play tasks out and judge them."""

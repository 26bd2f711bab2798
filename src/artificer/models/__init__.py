"""Who writes the next message: endpoints, local models, scripts; the text form of calls; the embedded model."""

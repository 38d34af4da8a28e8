"""Whether what we pin has known flaws."""

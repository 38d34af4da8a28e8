"""Every port over plain objects in one process: a whole working system for tests, which forgets all when it ends."""

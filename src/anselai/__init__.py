"""AnselAI."""

"""AnselAI as a contestant, in processes of its own."""

"""How AnselAI is entered: the command line, the HTTP API and its pages, the daemon."""

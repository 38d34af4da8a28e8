"""What the centre asks of the world, one role a file. A port method is one business act and one transaction."""

"""The platforms that come along, and the way to those that are plugged in."""

"""Sealing tokens with AES-256-GCM."""

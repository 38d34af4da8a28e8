"""What AnselAI is measured against. Runs in bench/.venv, never in the product's environment."""

"""The HTTP API and the dashboard: `app.build_app`."""

"""The pages, rendered on the server. They work without JavaScript: a form posts, the answer redirects."""

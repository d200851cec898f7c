"""Declaration, serving, CSRF protection and rendering of the workspace's pages."""

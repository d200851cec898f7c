"""HTTP client and SMTP client for other servers, and checks of URLs and addresses."""

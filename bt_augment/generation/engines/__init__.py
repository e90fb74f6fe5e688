"""Where units are made: in threads of this process, or on a cluster."""

"""A guestbook that each visitor keeps in a cookie."""

"""Accuracy and speed against peers, one command each; nothing else imports this package."""

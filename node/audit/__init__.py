"""Replays, checks receipts and reports; a stranger to the node that it audits."""

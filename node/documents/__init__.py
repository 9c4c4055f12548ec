"""Open documents: credentials in the formats that others read, signed and verified."""

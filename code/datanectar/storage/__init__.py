"""Where results and logs are kept: one contract, one file a store."""

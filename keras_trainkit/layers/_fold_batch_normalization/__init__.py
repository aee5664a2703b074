"""What folding batch normalization takes: which layers, how, and whether it went well."""

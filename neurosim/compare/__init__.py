"""How backends differ on one network: explanations, certificates and their causes."""

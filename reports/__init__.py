"""One result object, rendered for people and for machines."""

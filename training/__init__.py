"""From a data set to a LoRA adapter to a merged checkpoint."""

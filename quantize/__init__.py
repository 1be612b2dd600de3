"""From a checkpoint to an F16 GGUF to every level."""

"""Model families: pure decoders, recognised from their tensors, never from a file name."""

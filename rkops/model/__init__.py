"""What a model file is, read without any toolkit."""

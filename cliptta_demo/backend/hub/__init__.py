"""The Hugging Face hub: downloads that can be watched, bounded, shared and given up."""

"""The Hugging Face hub: what it holds, and downloads that can be watched, bounded, shared and given up."""

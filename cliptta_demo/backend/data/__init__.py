"""Images: decoding, folders, built-in pictures, and the stream that methods see."""

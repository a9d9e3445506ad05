"""From photographs to shards (`prepare`), and from shards to batches of the vocabulary (`batches`)."""

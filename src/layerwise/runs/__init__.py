"""A run on disk: recipe.toml, model.safetensors, metrics.jsonl, checkpoint/ and report.html."""

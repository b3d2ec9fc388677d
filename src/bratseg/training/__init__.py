"""Campaigns: pretraining and fine-tuning of both networks through upstream's trainer, in child processes."""

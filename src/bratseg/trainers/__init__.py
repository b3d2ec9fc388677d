"""The classes that run inside nnU-Net's trainer, and nothing else."""

"""The text of a campaign so small that every stage takes seconds."""

TINY = """\
format = 1
name = "tiny"

[data]
finetune = "SSA"
pretrain = "GLI"
splits = "splits.json"

[plan]
patch_size = [16, 32, 16]
batch_size = 2

[networks.nnunet]
features = 4
largest = 8
convolutions = 1

[networks.mednext]
channels = 4
kernel = 3
blocks = [1, 1, 1, 1, 1, 1, 1, 1, 1]
expansion = [2, 2, 2, 2, 2, 2, 2, 2, 2]
checkpointing = true

[pretrain]
epochs = 3
iterations = 2
validation_iterations = 1
save_every = 1
folds = ["all"]
learning_rate = { nnunet = 0.01, mednext = 0.001 }

[finetune]
epochs = 1
iterations = 1
validation_iterations = 1
save_every = 1
folds = ["0", "1"]
learning_rate = { nnunet = 1e-12, mednext = 1e-12 }

[run]
device = "cpu"
gpus = 1
workers = 0
processes = 1
seed = 0
"""

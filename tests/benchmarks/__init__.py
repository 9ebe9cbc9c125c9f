"""How fast, and in how much memory: run by hand, never by the test suite.

python -m tests.benchmarks                    a training step and inference against PyTorch
python -m tests.benchmarks --rounds 15 R2     more rounds, only this configuration
python -m tests.benchmarks --markdown         the table for docs/measurements.md
python -m tests.benchmarks.layer              one convolution layer: PyTorch, tinyunet and other libraries
python -m tests.benchmarks.operations         every operation against the obvious way to write it in NumPy
python -m tests.benchmarks.bounds             convolutions against bare matrix products, the tape, growth with size
python -m tests.benchmarks.bounds --figure roofline.png
python -m tests.benchmarks.load               steps per second beside busy loops, and of several learners at once
python -m tests.benchmarks.load R2 --figure load.png
python -m tests.benchmarks.tasks              every task beside what it must beat: docs/tasks.md and its pictures
python -m tests.benchmarks.tasks --pytorch    two of them in PyTorch, with the same weights and batches
"""

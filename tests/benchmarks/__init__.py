"""How fast, and in how much memory: run by hand, never by the test suite.

python -m tests.benchmarks                    a training step and inference against PyTorch
python -m tests.benchmarks --rounds 15 R2     more rounds, only this configuration
"""

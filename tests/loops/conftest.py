"""The programs here are data: `test_loops.py` runs them."""

collect_ignore_glob = ["[!t]*.py"]

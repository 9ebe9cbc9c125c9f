"""Sheets and their keys on paper, in three formats."""

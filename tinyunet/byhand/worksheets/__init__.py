"""Problems for a pencil, on paper, with their key; and answers graded."""

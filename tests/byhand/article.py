"""The example of the article: an image of two channels, and one filter."""

ARTICLE = (
    [[[10, 10, 0, 0]] * 4, [[5] * 4] * 4],
    [[[[1, 0, -1]] * 3, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]]],
)

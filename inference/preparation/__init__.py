"""From raw galaxies in files of several formats to clean partitions; `cosmic-fmi data prepare` runs it.

`sources` and its siblings read, `rules` says what is dropped and why, `survey` applies that to everything
there is, `cut` makes partitions. Memory holds the whole catalogue, but one file or block of images at a time.
"""

"""From raw galaxies in files of several formats to clean partitions; `cosmic-fmi data prepare` runs it.

    prepare.py      the whole of it, as data
    survey.py       what is kept of everything there is
    rules.py   outliers.py   what is dropped, and why     effects.py   what that does to the survey
    cut.py   scale.py        partitions, and the scale of their magnitudes
    sources.py      the reader for a path, of readers/
    reading.py      what the user says about the files     blocks.py   what readers produce

Memory holds the whole catalogue, but one file or block of images at a time.
"""

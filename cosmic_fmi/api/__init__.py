"""The Python interface: what ``cosmic-fmi run`` does, for notebooks and programs.

    running.py    run: a function, a script or the inference on a world of ranks
    mapping.py    map: a function over items, for work that needs no messages
    request.py    what both are given, checked          reporting.py   their progress, in Jupyter too
    finished.py   Run: what came of it                  results.py     Results: a folder of runs
    errors.py     what they raise                       returned.py    what ranks returned or raised
    function.py   a function, pickled                   on_rank.py     what a rank does with it

The names that users write are those of the package above: ``cosmic_fmi.run``.
"""

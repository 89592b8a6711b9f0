"""The Lambda image: initialize, execute and summarize an execution, and keep track of the rendezvous server.

One file a handler, and beside them the parts they share:

    initialize.py  execute.py  summarize.py          the handlers of every execution
    find_rendezvous.py  publish_address.py           those that start, find and stop the rendezvous server
    payload.py       what a user typed, checked      settings.py      the script's variables and arguments
    mistakes.py      all that is wrong, at once      listing.py       what is in a bucket
    check_bundle.py  what is known before a world    sources.py       the files that a script reaches
    imports.py       what a file imports             partitions.py    which rank reads which file
    rank_event.py    what one rank is told           course_payload.py  the same for the course's scripts
    rendezvous.py    where the ranks meet            bundle.py        the script's objects, from S3
    script.py        runs the script                 bundle_modules.py  what its imports find
    archive.py       packages, before they come  packages.py      the same while a script runs
    outcomes.py      what became of a rank           mendable.py      whether another attempt can mend it
    output.py        what a script prints            last_word.py     of a rank that was killed
    digest.py        whether inputs are the same     clients.py       AWS clients, one of each a process
    hints.py         what to change after an error
"""

import logging
import os

# awslambdaric puts its handler on the root logger and leaves the level to us.
logging.getLogger(__name__).setLevel(os.environ.get("LOG_LEVEL", "INFO"))

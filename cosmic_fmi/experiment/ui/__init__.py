"""What a command shows, and how it ends.

console.py   messages, steps and progress      tables.py    numbers and tables as text
signals.py   Ctrl-C, SIGTERM                   command.py   errors as sentences, exit statuses
rank_lines.py   what ranks print
"""

"""Real processes, really killed: what becomes of the slots when daemons and the database are ill-treated.

`make chaos` runs it. Each scenario fills a database with schedules that come due all the time, lets several daemons
work, does its harm, lets things settle, and then judges every slot by the database and by what the platform client
itself wrote down.
"""

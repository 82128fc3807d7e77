"""Jobs: made by schedules and people, done by workers.

slots       when a schedule is due
making      a job and its first part, and who rings
claims      who does a part: tokens, leases, what a worker may still do
kinds/      what a job of each kind does: an op of dbfleet/ops, and what is kept of its result
attend      one worker's work on one part: a process for it, its lease kept, cancelled when asked
hands       the parts of a copy that its lead gives to other workers
sweep       what was lost is found: parts without a worker, schedules that nobody rang for
app         Celery: the doorbell and the pool
"""

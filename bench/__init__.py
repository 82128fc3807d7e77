"""What dbfleet costs against named rivals, as ratios from one run: `make bench`, `make bench ROWS=100000 ONLY=seed`.

Ours and theirs run in turn, A B A B …, as whole processes; a ratio is the median of the pairs', so that a machine whose
speed drifts shifts both. A line has: name, ours and theirs in seconds (medians), ratio, reach, our peak memory, and
`ok` or `short`. A rival that is not installed is `not run`, with the reason: never a guess.
"""

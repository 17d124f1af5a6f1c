"""What converters share: diffs made from edits, what is known of an agent's files, the tools that agents call.

Plain Python. A converter knows how its format records a run; this package knows what the recorded calls mean.
"""

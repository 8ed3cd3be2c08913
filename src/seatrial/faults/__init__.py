"""The faults that a trial injects: probed, journalled, verified, and always taken back.

========================  ======================================================================================
`network` with `proxy`    a TCP dependency that is down, slow, narrow, slicing, resetting, hanging, half closed
`http_faults`             an HTTP dependency that refuses, truncates, hangs, is empty, drips
`process`, `limits`       the target's process killed, paused, out of memory
`storage`, `corruption`   its disk full or read-only, bytes of its files inverted
`database_lock`           its database held by somebody else
`clock`                   its clock stepped
========================  ======================================================================================

A scenario opens a `journal.Journal` and enters faults into a `stack.FaultStack`; a run begins with `healing.heal_leftovers`.
"""

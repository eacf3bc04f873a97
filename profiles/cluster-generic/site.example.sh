# What differs between sites. Copy this file to site.sh, beside it, and fill that in.
queue=all.q               # `qconf -sql` lists them; empty: the scheduler chooses
parallel_environment=smp  # `qconf -spl`; one with `allocation_rule $pe_slots`: all threads on one machine
# `qconf -sc` lists these. Not h_vmem: it limits addresses, not memory, and PyTorch reserves many more
# than it uses (tens of gigabytes with CUDA). Empty: no memory is asked for.
memory=mem_free
gpu=gpu                   # asked for by rules that need one; none does in the tiers smoke and laptop
warning_seconds=120       # so long before its time is up a job is asked to end, and saves its state
options=                  # further words for qsub, such as -P PROJECT

# SPDX-License-Identifier: GPL-2.0-only
"""Virtual machines with Debian's kernels, whose root is this machine's, written
to in memory only."""

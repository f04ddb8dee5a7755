# SPDX-License-Identifier: Apache-2.0
"""Questions to runs, one file each; pure functions of data frames."""

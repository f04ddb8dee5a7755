# SPDX-License-Identifier: Apache-2.0
"""Files of other simulators: read into experiments, and written from runs."""

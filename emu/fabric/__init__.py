# SPDX-License-Identifier: Apache-2.0
"""Physical fabrics and the designs that forward over them."""

/* SPDX-License-Identifier: MIT */
/* expect: ?
 * interrupts disabled
 */
#include "loop.h"

STEP { unsigned long f; bpf_local_irq_save(&f); out[0] = 1; bpf_local_irq_restore(&f); return 1; }

OPS

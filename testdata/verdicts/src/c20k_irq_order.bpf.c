/* SPDX-License-Identifier: MIT */
/* expect: ?
 * interrupts restored in the wrong order
 */
#include "loop.h"

STEP { unsigned long f, g; bpf_local_irq_save(&f); bpf_local_irq_save(&g); bpf_local_irq_restore(&f); bpf_local_irq_restore(&g); return 1; }

OPS

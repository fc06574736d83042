/* SPDX-License-Identifier: Apache-2.0 */
/* The model that the build has just trained, as read-only data of the program. */
        .section .rodata
        .balign 4096
        .globl model_embedded_begin
        .globl model_embedded_end
model_embedded_begin:
        .incbin MODEL_FILE
model_embedded_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits

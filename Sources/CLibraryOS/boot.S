// From the PVH entry (32-bit protected mode, paging off, %ebx = hvm_start_info) to Swift in long mode.
// https://xenbits.xen.org/docs/unstable/misc/pvh.html
#if defined(__x86_64__) && !defined(__linux__)

  // XEN_ELFNOTE_PHYS32_ENTRY: tells the monitor where to enter.
  .section .note.pvh, "a", @note
  .balign 4
  .long 4, 8, 18
  .asciz "Xen"
  .quad _start

  .text
  .code32
  .globl _start
_start:
  cld
  movl $stack_top, %esp

  // Identity-map the first 4 GiB: the first 2 MiB in small pages, the rest in large ones. Page 0 and the page
  // under the stack stay absent.
  movl $page_directories, %eax
  movl $2048, %ecx
  movl $0x83, %edx               // present, writable, large
1:
  movl %edx, (%eax)
  addl $8, %eax
  addl $0x200000, %edx
  loop 1b
  movl $first_page_table, %eax
  movl $512, %ecx
  movl $0x3, %edx                // present, writable
1:
  movl %edx, (%eax)
  addl $8, %eax
  addl $0x1000, %edx
  loop 1b
  movl $0, first_page_table
  movl $stack_guard, %eax
  shrl $12, %eax
  movl $0, first_page_table(, %eax, 8)
  movl $first_page_table + 3, page_directories
  movl $page_directories + 0x0003, directory_pointers
  movl $page_directories + 0x1003, directory_pointers + 8
  movl $page_directories + 0x2003, directory_pointers + 16
  movl $page_directories + 0x3003, directory_pointers + 24
  movl $directory_pointers + 3, top_table

  movl $top_table, %eax
  movl %eax, %cr3
  movl $0x620, %eax              // CR4: PAE, OSFXSR, OSXMMEXCPT
  movl %eax, %cr4
  movl $0xc0000080, %ecx         // EFER: LME, NXE
  xorl %edx, %edx
  movl $0x900, %eax
  wrmsr
  movl $0x80010033, %eax         // CR0: PG, WP, NE, ET, MP, PE
  movl %eax, %cr0
  lgdt global_descriptors_pointer
  ljmp $0x08, $long_mode

  .code64
long_mode:
  movl $0x10, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
  movl $stack_top, %esp
  movl %ebx, %edi
  call library_start
  xorl %edi, %edi
  xorl %esi, %esi
  call main
  movl %eax, %edi
  call library_exit

  // One stub of 16 bytes per exception: vector and error code to the stack, then all alike. They run on their own
  // stack, so that an overflowing one can be reported.
  .macro exception vector
  .balign 16
  .if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30)
  pushq $0
  .endif
  pushq $\vector
  jmp exception_common
  .endm

  .balign 16
exception_stubs:
  .set vector, 0
  .rept 32
  exception vector
  .set vector, vector + 1
  .endr

exception_common:
  movq (%rsp), %rdi              // vector
  movq 8(%rsp), %rsi             // error code
  movq 16(%rsp), %rdx            // address of the instruction
  movq %cr2, %rcx                // address that it wanted, for a page fault
  andq $-16, %rsp
  cld
  call library_trap

  // An interrupt only ends a hlt: acknowledge it at the local APIC and touch nothing else.
wake_stub:
  pushq %rax
  movl $0xfee000b0, %eax
  movl $0, (%rax)
  popq %rax
spurious_stub:
  iretq

  .data
  .balign 8
global_descriptors:
  .quad 0
  .quad 0x00af9b000000ffff       // 0x08: 64-bit code
  .quad 0x00cf93000000ffff       // 0x10: data
task_descriptor:
  .quad 0, 0                     // 0x18: filled in by Swift
global_descriptors_pointer:
  .word . - global_descriptors - 1
  .long global_descriptors

  .section .rodata
  .balign 8
  .globl machine_layout
machine_layout:
  .quad task_descriptor, task_state, exception_stack_top, interrupt_gates
  .quad exception_stubs, wake_stub, spurious_stub, first_page_table
  .quad text_start, text_end, constants_end, image_end

  .section .stack, "aw", @nobits
  .balign 4096
stack_guard:
  .skip 4096
  .skip 65536
stack_top:

  .bss
  .balign 4096
top_table:
  .skip 4096
directory_pointers:
  .skip 4096
page_directories:
  .skip 4 * 4096
first_page_table:
  .skip 4096
  .skip 8192
exception_stack_top:
interrupt_gates:
  .skip 48 * 16
task_state:
  .skip 104

#endif

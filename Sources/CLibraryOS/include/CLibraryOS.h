// The instructions that Swift cannot express, and the symbols of boot.S and the linker script.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)

static inline void port_write8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void port_write32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

static inline uint8_t port_read8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

/// Sleeps until an interrupt; interrupts are enabled nowhere else. `sti` takes effect after the next instruction,
/// so that an interrupt which is already pending ends the `hlt` and is not lost before it.
static inline void wait_for_interrupt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }

static inline void load_interrupt_table(const void *base, uint16_t bytes) {
  struct __attribute__((packed)) { uint16_t limit; uint64_t base; } table = {(uint16_t)(bytes - 1), (uint64_t)base};
  __asm__ volatile("lidt %0" : : "m"(table));
}

/// Resets the processor: an exception without a gate is a triple fault.
_Noreturn static inline void reset_processor(void) {
  load_interrupt_table(0, 1);
  __builtin_trap();
}

static inline void load_task_register(uint16_t selector) { __asm__ volatile("ltr %0" : : "r"(selector)); }

/// Drops every cached translation after a change of the page tables.
static inline void flush_translations(void) {
  uint64_t table;
  __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(table) : : "memory");
}

/// CPUID leaf 1, ECX bit 30.
static inline bool has_rdrand(void) {
  uint32_t a = 1, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return c >> 30 & 1;
}

/// False where the generator had no number ready.
static inline bool rdrand(uint64_t *value) {
  bool ready;
  __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(ready) : : "cc");
  return ready;
}

/// Where boot.S and the linker script put things.
struct machine_layout {
  void *task_descriptor;       ///< 16 bytes in the global descriptor table, selector 0x18
  void *task_state;            ///< 104 bytes
  void *exception_stack_top;
  void *interrupt_gates;       ///< 48 gates of 16 bytes
  void *exception_stubs;       ///< 32 stubs of 16 bytes
  void *wake_stub;
  void *spurious_stub;
  uint64_t *first_page_table;  ///< 512 entries: the first 2 MiB
  uintptr_t text_start, text_end, constants_end, image_end;
};

#if !defined(__linux__)
extern const struct machine_layout machine_layout;
#endif

#endif

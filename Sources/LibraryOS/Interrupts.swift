#if hasFeature(Embedded)
  internal import CLibraryOS
  internal import _Volatile

  /// Exceptions, which end the guest, and the one interrupt vector, which ends a sleep.
  enum Interrupts {
    private static let gateCount = 48
    private static let wakeVector = 32
    /// The low four bits are set, as old local APICs want it.
    private static let spuriousVector = 47
    private static let codeSelector: UInt64 = 0x08
    private static let taskSelector: UInt16 = 0x18
    private static let exceptionStub = 16

    static func start() {
      let layout = machine_layout
      loadTaskState(layout)
      for vector in 0..<32 {
        setGate(vector, UInt(bitPattern: layout.exception_stubs) + UInt(vector * exceptionStub), ownStack: true)
      }
      setGate(wakeVector, UInt(bitPattern: layout.wake_stub), ownStack: false)
      setGate(spuriousVector, UInt(bitPattern: layout.spurious_stub), ownStack: false)
      load_interrupt_table(layout.interrupt_gates, UInt16(gateCount * 16))
      // The old pair of 8259s stays silent.
      port_write8(0x21, 0xff)
      port_write8(0xa1, 0xff)
      LocalAPIC.enable(spuriousVector: UInt32(spuriousVector))
    }

    /// Lets a device's line, a global system interrupt number, end a sleep. False where the I/O APIC has no such line.
    static func enable(line: UInt32) -> Bool {
      guard line < IOAPIC.lines else { return false }
      IOAPIC.route(line, to: UInt32(wakeVector), of: LocalAPIC.identifier)
      return true
    }

    /// Intel SDM volume 3, section 7.7: the task state is there for its interrupt stack 1.
    private static func loadTaskState(_ layout: machine_layout) {
      let state = layout.task_state!
      let stack = UInt64(UInt(bitPattern: layout.exception_stack_top))
      state.storeBytes(of: UInt32(truncatingIfNeeded: stack), toByteOffset: 36, as: UInt32.self)
      state.storeBytes(of: UInt32(truncatingIfNeeded: stack >> 32), toByteOffset: 40, as: UInt32.self)
      state.storeBytes(of: 104, toByteOffset: 102, as: UInt16.self)
      let base = UInt64(UInt(bitPattern: state))
      let low = 103 | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56
      layout.task_descriptor.storeBytes(of: low, as: UInt64.self)
      layout.task_descriptor.storeBytes(of: base >> 32, toByteOffset: 8, as: UInt64.self)
      load_task_register(taskSelector)
    }

    /// An interrupt gate of ring 0 (Intel SDM volume 3, section 6.14.1).
    private static func setGate(_ vector: Int, _ address: UInt, ownStack: Bool) {
      let address = UInt64(address)
      let low =
        address & 0xffff | codeSelector << 16 | (ownStack ? 1 : 0) << 32 | 0x8e00 << 32 | (address >> 16 & 0xffff) << 48
      let gates = machine_layout.interrupt_gates!
      gates.storeBytes(of: low, toByteOffset: vector * 16, as: UInt64.self)
      gates.storeBytes(of: address >> 32, toByteOffset: vector * 16 + 8, as: UInt64.self)
    }
  }

  /// The local APIC in its memory-mapped form (Intel SDM volume 3, chapter 11).
  private enum LocalAPIC {
    private static let base: UInt = 0xfee0_0000

    static var identifier: UInt32 { register(0x20).load() >> 24 }

    static func enable(spuriousVector: UInt32) { register(0xf0).store(0x100 | spuriousVector) }

    private static func register(_ offset: UInt) -> VolatileMappedRegister<UInt32> {
      VolatileMappedRegister(unsafeBitPattern: base + offset)
    }
  }

  /// The first I/O APIC (Intel 82093AA).
  private enum IOAPIC {
    private static let index = VolatileMappedRegister<UInt32>(unsafeBitPattern: 0xfec0_0000)
    private static let window = VolatileMappedRegister<UInt32>(unsafeBitPattern: 0xfec0_0010)

    static var lines: UInt32 {
      index.store(1)
      return (window.load() >> 16 & 0xff) + 1
    }

    /// Edge-triggered: a line that its driver has not yet acknowledged must not interrupt again and again.
    static func route(_ line: UInt32, to vector: UInt32, of processor: UInt32) {
      index.store(0x10 + 2 * line + 1)
      window.store(processor << 24)
      index.store(0x10 + 2 * line)
      window.store(vector)
    }
  }

  /// Called by boot.S for every exception.
  @c(library_trap)
  func trap(_ vector: UInt, _ error: UInt, _ instruction: UInt, _ address: UInt) {
    Console.write("trap: ")
    switch vector {
    case 6: Console.write("a Swift runtime check failed")
    case 14: Console.write(address < 4096 ? "null pointer" : "page fault")
    default:
      Console.write("exception ")
      Console.write(hexadecimal: vector)
    }
    Console.write(" at ")
    Console.write(hexadecimal: instruction)
    if vector == 14 {
      Console.write(", address ")
      Console.write(hexadecimal: address)
    }
    Console.write(", error code ")
    Console.write(hexadecimal: error)
    Console.write("\n")
    Machine.exit(.failed)
  }
#endif

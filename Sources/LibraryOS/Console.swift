#if hasFeature(Embedded)
  internal import CLibraryOS

  /// The first serial port (16550), which QEMU microvm has. `print` writes here.
  enum Console {
    private static let port: UInt16 = 0x3f8
    private static let lineStatus = port + 5
    private static let transmitterEmpty: UInt8 = 0x20
    /// A port that never becomes ready costs bytes, not the guest.
    private static let longestWait = 100_000

    /// Interrupts off, 8 bits, no parity, one stop bit. The speed is nobody's in a virtual machine.
    static func start() {
      port_write8(port + 1, 0)
      port_write8(port + 3, 0x03)
    }

    static func write(_ byte: UInt8) {
      for _ in 0..<longestWait where port_read8(lineStatus) & transmitterEmpty != 0 {
        port_write8(port, byte)
        return
      }
    }

    /// Without memory from the heap: for the trap handler.
    static func write(_ text: StaticString) {
      for offset in 0..<text.utf8CodeUnitCount { write(text.utf8Start[offset]) }
    }

    /// `0x` and 16 digits, without memory from the heap.
    static func write(hexadecimal value: UInt) {
      write("0x")
      for shift in stride(from: 60, through: 0, by: -4) {
        let digit = UInt8(truncatingIfNeeded: value >> UInt(shift) & 15)
        write(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      }
    }
  }

  /// What Embedded Swift's `print` calls for each byte.
  @c(putchar)
  func putCharacter(_ byte: Int32) -> Int32 {
    Console.write(UInt8(truncatingIfNeeded: byte))
    return byte
  }
#endif

#if hasFeature(Embedded)
  internal import CLibraryOS

  /// What the monitor hands over: Xen's `hvm_start_info`, at least version 1.
  struct StartInformation {
    private static let magic: UInt32 = 0x336e_c578
    private static let usableMemory: UInt32 = 1
    private static let mappedMemory: UInt64 = 1 << 32
    private static let longestCommandLine = 4096

    /// Memory from the end of the image to the end of the region that it lies in.
    let heap: Range<UInt>
    /// The arguments, up to 4096 bytes of them.
    let commandLine: UnsafeRawBufferPointer

    /// Nil where there is no such information at `address`, or no memory behind the image.
    init?(at address: UInt) {
      guard let info = UnsafeRawPointer(bitPattern: address), info.load(as: UInt32.self) == Self.magic,
        info.load(fromByteOffset: 4, as: UInt32.self) >= 1,
        let map = UnsafeRawPointer(bitPattern: UInt(info.load(fromByteOffset: 40, as: UInt64.self))),
        let heap = Self.heap(map, entries: Int(info.load(fromByteOffset: 48, as: UInt32.self)))
      else { return nil }
      self.heap = heap
      commandLine = Self.text(at: UInt(info.load(fromByteOffset: 24, as: UInt64.self)))
    }

    /// Entries are 24 bytes: address, size, type (E820), reserved.
    private static func heap(_ map: UnsafeRawPointer, entries: Int) -> Range<UInt>? {
      let start = machine_layout.image_end
      for index in 0..<entries {
        let entry = map + index * 24
        let base = entry.load(as: UInt64.self)
        let (end, overflow) = base.addingReportingOverflow(entry.load(fromByteOffset: 8, as: UInt64.self))
        guard !overflow, entry.load(fromByteOffset: 16, as: UInt32.self) == usableMemory else { continue }
        if base <= start, start < min(end, mappedMemory) { return start..<UInt(min(end, mappedMemory)) }
      }
      return nil
    }

    private static func text(at address: UInt) -> UnsafeRawBufferPointer {
      guard let start = UnsafeRawPointer(bitPattern: address) else {
        return UnsafeRawBufferPointer(start: nil, count: 0)
      }
      var count = 0
      while count < longestCommandLine, start.load(fromByteOffset: count, as: UInt8.self) != 0 { count += 1 }
      return UnsafeRawBufferPointer(start: start, count: count)
    }
  }
#endif

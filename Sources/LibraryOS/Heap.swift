#if hasFeature(Embedded)

  /// Memory for Swift's runtime: blocks of powers of two, each size with a list of free ones, cut from the front of
  /// the unused rest. Freed memory serves blocks of its own size again and no other: a service allocates at start,
  /// not per packet.
  ///
  /// Sixteen bytes before each block that was handed out say its size and where it began.
  enum Heap {
    private static let header = 16
    private static let smallestShift = 5
    nonisolated(unsafe) private static var unused: Range<UInt> = 0..<0
    nonisolated(unsafe) private static var free: InlineArray<33, UnsafeMutableRawPointer?> = .init(repeating: nil)

    /// Called once, before the first allocation.
    static func start(_ memory: Range<UInt>) { unused = memory }

    /// Nil where the memory is used up. `alignment` is a power of two.
    static func allocate(_ count: Int, alignment: Int) -> UnsafeMutableRawPointer? {
      let lead = max(alignment, header)
      let (needed, overflow) = count.addingReportingOverflow(lead)
      guard count >= 0, !overflow, needed <= 1 << 32 else { return nil }
      let shift = max(smallestShift, Int.bitWidth - (needed - 1).leadingZeroBitCount)
      guard let block = take(shift, alignment: lead) else { return nil }
      let payload = block + lead
      payload.storeBytes(of: UInt64(shift), toByteOffset: -16, as: UInt64.self)
      payload.storeBytes(of: UInt64(lead), toByteOffset: -8, as: UInt64.self)
      return payload
    }

    static func release(_ payload: UnsafeMutableRawPointer) {
      let (shift, lead) = blockHeader(payload)
      let block = payload - lead
      block.storeBytes(of: free[shift], as: UnsafeMutableRawPointer?.self)
      free[shift] = block
    }

    /// Bytes that the block at `payload` can hold.
    static func capacity(_ payload: UnsafeMutableRawPointer) -> Int {
      let (shift, lead) = blockHeader(payload)
      return 1 << shift - lead
    }

    private static func blockHeader(_ payload: UnsafeMutableRawPointer) -> (shift: Int, lead: Int) {
      (
        Int(payload.load(fromByteOffset: -16, as: UInt64.self)), Int(payload.load(fromByteOffset: -8, as: UInt64.self))
      )
    }

    /// Every block is aligned to its own size, up to a page.
    private static func take(_ shift: Int, alignment: Int) -> UnsafeMutableRawPointer? {
      if let block = free[shift], UInt(bitPattern: block) & UInt(alignment - 1) == 0 {
        free[shift] = block.load(as: UnsafeMutableRawPointer?.self)
        return block
      }
      let size = UInt(1) << UInt(shift)
      let mask = max(UInt(alignment), min(size, 4096)) - 1
      let start = (unused.lowerBound + mask) & ~mask
      guard start <= unused.upperBound, size <= unused.upperBound - start else { return nil }
      unused = start + size..<unused.upperBound
      return UnsafeMutableRawPointer(bitPattern: start)
    }
  }

  @c(posix_memalign)
  func allocateAligned(
    _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ count: Int
  ) -> Int32 {
    guard let block = Heap.allocate(count, alignment: alignment) else { Machine.fail("heap: out of memory") }
    result.pointee = block
    return 0
  }

  /// Behind `free`, whose name Swift keeps for its own runtime.
  @c(library_free)
  func release(_ payload: UnsafeMutableRawPointer?) {
    if let payload { Heap.release(payload) }
  }

  @c(malloc_usable_size)
  func usableSize(_ payload: UnsafeMutableRawPointer?) -> Int { payload.map(Heap.capacity) ?? 0 }
#endif
